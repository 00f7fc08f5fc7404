/** What a policy of a role says of a call: as IAM evaluates it, as far as the stack's statements go. */
import type { Statement } from './template.ts';

export interface Call {
  readonly action: string;
  readonly resource: string;
  /** Condition keys that the request has. */
  readonly context?: Readonly<Record<string, string>>;
}

/** One action of a statement on one resource, resolved. */
export interface Grant {
  readonly action: string;
  readonly resource: string;
  readonly conditions: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** @throws Error for what is not evaluated here, so that nothing passes unread. */
export function grantsOf(statements: readonly Statement[]): Grant[] {
  return statements.flatMap((statement) => {
    const { Effect, Action, Resource, Condition = {}, ...others } = statement;
    if (Effect !== 'Allow') throw new Error(`a statement with the effect ${Effect} is not evaluated here`);
    const unknown = Object.keys(others).filter((name) => name !== 'Sid');
    if (unknown.length > 0) throw new Error(`${unknown.join(', ')} of a statement is not evaluated here`);
    return [Action].flat().flatMap((action) =>
      [Resource].flat().map((resource) => ({
        ...{ action, resource: String(resource), conditions: Condition },
      })),
    );
  });
}

export const allows = (grant: Grant, call: Call): boolean =>
  like(grant.action, call.action) && like(grant.resource, call.resource) && holds(grant.conditions, call);

function holds(conditions: Grant['conditions'], { context = {} }: Call): boolean {
  return Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) => {
      const value = context[key];
      if (operator === 'Null') return (value === undefined) === (wanted === 'true');
      if (operator === 'StringEquals') return value === wanted;
      if (operator === 'StringLike') return value !== undefined && like(wanted, value);
      throw new Error(`the condition ${operator} is not evaluated here`);
    }),
  );
}

/** `*` is any text, slashes too, and `?` one character. */
function like(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
