/** Puts faults between the code under test and a store: something done, or thrown, around a call. */

export interface Call {
  readonly operation: string;
  readonly arguments: readonly unknown[];
}

export interface Hooks {
  /** Right before the call takes effect; what it throws is thrown instead of the call. */
  readonly before?: (call: Call) => void | Promise<void>;
  /** Right after it took effect; what it throws hides the answer. */
  readonly after?: (call: Call, answer: unknown) => void | Promise<void>;
}

type Method = (...args: unknown[]) => unknown;

/** The store with hooks around each of its methods. */
export function intercept<T extends object>(store: T, hooks: Hooks): T {
  const { before = () => {}, after = () => {} } = hooks;
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function' || typeof name !== 'string') return method;
      const run = (args: readonly unknown[]) => (method as Method).apply(target, [...args]);
      if (name === 'multipartUploads' || name === 'versionsUnder') {
        return async function* (...args: unknown[]) {
          const call = { operation: name, arguments: args };
          await before(call);
          yield* run(args) as AsyncIterable<unknown>;
          await after(call, undefined);
        };
      }
      return async (...args: unknown[]) => {
        const call = { operation: name, arguments: args };
        await before(call);
        const answer = await run(args);
        await after(call, answer);
        return answer;
      };
    },
  });
}

/** Does something once, at the first call that the test is about. */
export function once(test: (call: Call) => boolean, action: (call: Call) => void | Promise<void>) {
  let done = false;
  return async (call: Call): Promise<void> => {
    if (done || !test(call)) return;
    done = true;
    await action(call);
  };
}

/** The process is gone: from the call at which it happens, nothing it does has any effect. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

/** Counts the calls on several stores and kills the process at one of them. */
export class Crash {
  calls = 0;
  #dead = false;
  readonly #at: number;
  readonly #when: 'before' | 'after';

  /** @param at number of the call, from 1; `before` it takes effect or `after`. */
  constructor(at = Number.POSITIVE_INFINITY, when: 'before' | 'after' = 'before') {
    this.#at = at;
    this.#when = when;
  }

  get happened(): boolean {
    return this.#dead;
  }

  over<T extends object>(store: T): T {
    const numbers = new WeakMap<Call, number>();
    return intercept(store, {
      before: (call) => {
        if (this.#dead) throw new CrashError('the process is gone');
        numbers.set(call, ++this.calls);
        if (this.#when === 'before' && this.calls === this.#at) this.#die(call);
      },
      after: (call) => {
        if (this.#dead) throw new CrashError('the process is gone');
        if (this.#when === 'after' && numbers.get(call) === this.#at) this.#die(call);
      },
    });
  }

  #die({ operation }: Call): never {
    this.#dead = true;
    throw new CrashError(`crashed ${this.#when} call ${this.#at} (${operation})`);
  }
}
