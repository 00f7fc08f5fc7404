import { Token } from 'aws-cdk-lib';

interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

/** Checks of properties at synth. A token is known only when deployed, and passes. */
export const check = {
  /** @throws Error that names property, value and what is allowed. */
  wholeNumber(name: string, value: number, { minimum, maximum }: Range): void {
    if (Token.isUnresolved(value)) return;
    if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
    throw new Error(
      `${name} is out of range: got ${value}, allowed are whole numbers from ${minimum} to ${maximum}`,
    );
  },

  /** @throws Error that names property, value and what is allowed. */
  matches(name: string, value: string, pattern: RegExp, allowed: string): void {
    if (Token.isUnresolved(value) || pattern.test(value)) return;
    throw new Error(`${name} cannot be ${JSON.stringify(value)}: allowed are ${allowed}`);
  },
};
