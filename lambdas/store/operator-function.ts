import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';

/** What a synchronous invocation takes (bytes). */
const MAX_PAYLOAD = 6 * 1024 * 1024;

/** The function answered with an error; it has that error's name, by which callers branch as on the error itself. */
export class OperatorFunctionError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

/**
 * Has the deployed function do an operation, and waits for its answer.
 * @example const invoke = new OperatorFunction({ client: patientLambdaClient(), functionName: 'registry-prune-prune' });
 */
export class OperatorFunction {
  readonly #client: LambdaClient;
  readonly #functionName: string;

  /** @param options.functionName name or ARN. */
  constructor({ client, functionName }: { readonly client: LambdaClient; readonly functionName: string }) {
    this.#client = client;
    this.#functionName = functionName;
  }

  /**
   * @throws OperatorFunctionError with the name and message that the function gave; and RangeError for a payload that
   *   no invocation takes.
   */
  async invoke(payload: object): Promise<unknown> {
    const bytes = new TextEncoder().encode(JSON.stringify(payload));
    if (bytes.byteLength > MAX_PAYLOAD) {
      throw new RangeError(
        `the request has ${bytes.byteLength} bytes, and a function takes ${MAX_PAYLOAD}: give a plan by its ` +
          'location s3://…, where `registry-prune plan --function` leaves it',
      );
    }
    const { FunctionError: failed, Payload: answer } = await this.#client.send(
      new InvokeCommand({
        FunctionName: this.#functionName,
        InvocationType: 'RequestResponse',
        Payload: bytes,
      }),
    );
    const value = parse(answer);
    if (failed === undefined) return value;
    const { errorType, errorMessage } = Object(value);
    throw new OperatorFunctionError(
      typeof errorType === 'string' ? errorType : 'Error',
      `${this.#functionName}: ${typeof errorMessage === 'string' ? errorMessage : `failed (${failed})`}`,
    );
  }
}

function parse(answer: Uint8Array | undefined): unknown {
  // An empty one is no bytes for the SDK.
  const text = answer instanceof Uint8Array ? new TextDecoder().decode(answer) : '';
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
