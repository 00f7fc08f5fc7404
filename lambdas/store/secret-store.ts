import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';

/** Reads a secret that others set and rotate. */
export interface SecretStore {
  /** @returns the value in force, and the one before it if there is one. */
  read(): Promise<readonly string[]>;
}

export interface SecretsManagerOptions {
  readonly client: SecretsManagerClient;
  /** Name or ARN. */
  readonly secretId: string;
}

const STAGES = ['AWSCURRENT', 'AWSPREVIOUS'] as const;

/**
 * A secret of Secrets Manager, with the value that it had before the last rotation.
 * @example const secret = new SecretsManagerSecret({ client: secretsManagerClient(), secretId });
 */
export class SecretsManagerSecret implements SecretStore {
  readonly #client: SecretsManagerClient;
  readonly #secretId: string;

  constructor({ client, secretId }: SecretsManagerOptions) {
    this.#client = client;
    this.#secretId = secretId;
  }

  /** @throws what Secrets Manager throws, and when there is no value in force. */
  async read(): Promise<readonly string[]> {
    const [current, previous] = await Promise.all(STAGES.map((stage) => this.#value(stage)));
    if (current === undefined) throw new Error(`the secret ${this.#secretId} has no value in force`);
    return previous === undefined ? [current] : [current, previous];
  }

  async #value(stage: (typeof STAGES)[number]): Promise<string | undefined> {
    try {
      const command = new GetSecretValueCommand({ SecretId: this.#secretId, VersionStage: stage });
      return (await this.#client.send(command)).SecretString;
    } catch (error) {
      // Never rotated: there is no value before this one.
      if (stage === 'AWSPREVIOUS' && error instanceof ResourceNotFoundException) return undefined;
      throw error;
    }
  }
}
