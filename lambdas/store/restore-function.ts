import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { chunked } from './backoff.ts';
import { MAX_DELETE_KEYS } from './limits.ts';
import type { Marker, MarkerRemover } from './markers.ts';

/** The restore function did not remove the markers, or not all of them. */
export class RestoreFunctionError extends Error {
  override readonly name = 'RestoreFunctionError';
}

export interface RestoreFunctionOptions {
  readonly client: LambdaClient;
  /** Name or ARN. */
  readonly functionName: string;
}

/**
 * Has the restore function remove delete markers: it alone has the right to (protocol section 6).
 * @example const markers = new RestoreFunction({ client: lambdaClient(), functionName: 'registry-prune-restore' });
 */
export class RestoreFunction implements MarkerRemover {
  readonly #client: LambdaClient;
  readonly #functionName: string;

  constructor({ client, functionName }: RestoreFunctionOptions) {
    this.#client = client;
    this.#functionName = functionName;
  }

  /** @throws RestoreFunctionError with what the function said. */
  async remove(markers: readonly Marker[]): Promise<void> {
    for (const batch of chunked(markers, MAX_DELETE_KEYS)) {
      const payload = { markers: batch.map(({ key, versionId }) => ({ key, versionId })) };
      const { FunctionError: failed, Payload: answer } = await this.#client.send(
        new InvokeCommand({
          FunctionName: this.#functionName,
          InvocationType: 'RequestResponse',
          Payload: new TextEncoder().encode(JSON.stringify(payload)),
        }),
      );
      // A function that fails is answered with 200 all the same.
      if (failed === undefined) continue;
      throw new RestoreFunctionError(`${this.#functionName} failed (${failed}): ${messageOf(answer)}`);
    }
  }
}

function messageOf(answer: Uint8Array | undefined): string {
  const text = new TextDecoder().decode(answer);
  try {
    return String(JSON.parse(text).errorMessage ?? text);
  } catch {
    return text;
  }
}
