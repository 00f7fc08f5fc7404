import { Token } from 'aws-cdk-lib';

interface Range {
  readonly minimum: number;
  readonly maximum: number;
}

/** What S3 allows for general purpose buckets; dots are allowed and yet break TLS. */
const BUCKET_NAME =
  /^(?!.*\.\.)(?!\d+(?:\.\d+){3}$)(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](?<!-s3alias|--ol-s3)$/;

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

  /** @throws Error that names property, value and what is allowed. */
  bucketName(name: string, value: string): void {
    check.matches(
      name,
      value,
      BUCKET_NAME,
      'names of buckets, of 3 to 63 lower-case letters, digits, "-" and "."',
    );
  },
};
