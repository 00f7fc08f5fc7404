/** The secrets that open: from the environment, or from a store that is read anew now and then. */
import type { SecretStore } from '../store/secret-store.ts';

export interface Secrets {
  /** Those that are known. @throws what the store throws when none has been read yet. */
  known(): Promise<readonly string[]>;
  /** Those that are known after another look, where one is due: a secret that was just rotated opens at once. */
  renewed(): Promise<readonly string[]>;
}

/** Those of the environment never change. */
export const fixedSecrets = (secrets: readonly string[]): Secrets => ({
  known: async () => secrets,
  renewed: async () => secrets,
});

/** Milliseconds after which the store is read again. */
export const SECRETS_KEPT = 5 * 60_000;
/** And when something unknown is shown; a guesser does not make a request of each guess. */
export const SECRETS_KEPT_AT_LEAST = 30_000;

export interface StoredSecretsOptions {
  readonly store: SecretStore;
  /** Takes a value apart, and says of one that cannot be a secret why. @throws Error */
  readonly parse: (value: string) => readonly string[];
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Told of a look that failed while older secrets are known; they stay. */
  readonly onFailure?: (error: unknown) => void;
}

/** Secrets of a store, remembered between requests. */
export class StoredSecrets implements Secrets {
  readonly #options: StoredSecretsOptions;
  #secrets: readonly string[] | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: StoredSecretsOptions) {
    this.#options = options;
  }

  known(): Promise<readonly string[]> {
    return this.#notOlderThan(SECRETS_KEPT);
  }

  renewed(): Promise<readonly string[]> {
    return this.#notOlderThan(SECRETS_KEPT_AT_LEAST);
  }

  async #notOlderThan(age: number): Promise<readonly string[]> {
    const { store, parse, now, onFailure } = this.#options;
    if (this.#secrets !== undefined && now() - this.#lookedAt < age) return this.#secrets;
    try {
      this.#secrets = (await store.read()).flatMap(parse);
    } catch (error) {
      if (this.#secrets === undefined) throw error;
      onFailure?.(error);
    }
    this.#lookedAt = now();
    return this.#secrets;
  }
}
