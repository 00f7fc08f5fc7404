/**
 * How many requests to one service are under way at once, found by trying: one more for every so many that go well, half as
 * many when the service says that it is too much (as TCP finds its rate). Each attempt of the SDK counts by itself, and
 * takes a place only while it is under way: one that backs off holds none.
 */
import type {
  FinalizeHandler,
  FinalizeHandlerArguments,
  FinalizeHandlerOutput,
  MiddlewareStack,
} from '@smithy/types';
import { isThrottling } from './s3-answers.ts';

export class AdaptiveLimit {
  readonly #maximum: number;
  #limit: number;
  #underWay = 0;
  /** Rises when the limit falls: what began before has no say in how far. */
  #epoch = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param maximum at which it begins, and beyond which it never goes; 1 or more. */
  constructor(maximum: number) {
    if (!(Number.isInteger(maximum) && maximum >= 1))
      throw new RangeError(`a limit of ${maximum}: allowed are whole numbers from 1 on`);
    this.#maximum = maximum;
    this.#limit = maximum;
  }

  /** How many may be under way now. */
  get current(): number {
    return Math.floor(this.#limit);
  }

  /**
   * Does it when its turn comes, in the order in which it was asked.
   *
   * @param isTooMuch whether an answer or an error says so.
   */
  async run<T>(
    work: () => Promise<T>,
    isTooMuch: (outcome: { readonly answer: T } | { readonly error: unknown }) => boolean,
  ): Promise<T> {
    await this.#turn();
    const epoch = this.#epoch;
    try {
      const answer = await work();
      if (isTooMuch({ answer })) this.#halve(epoch);
      else this.#limit = Math.min(this.#maximum, this.#limit + 1 / this.#limit);
      return answer;
    } catch (error) {
      if (isTooMuch({ error })) this.#halve(epoch);
      throw error;
    } finally {
      this.#underWay--;
      this.#next();
    }
  }

  async #turn(): Promise<void> {
    if (this.#underWay < this.current && this.#waiting.length === 0) {
      this.#underWay++;
      return;
    }
    await new Promise<void>((done) => {
      this.#waiting.push(done);
    });
  }

  #next(): void {
    while (this.#underWay < this.current && this.#waiting.length > 0) {
      this.#underWay++;
      this.#waiting.shift()?.();
    }
  }

  #halve(epoch: number): void {
    if (epoch !== this.#epoch) return;
    this.#epoch++;
    this.#limit = Math.max(1, this.#limit / 2);
  }
}

/** The SDK's middleware that tries again; what comes after it is done for each attempt. */
const RETRYING = 'retryMiddleware';

interface Limitable<Input extends object, Output extends object> {
  readonly middlewareStack: MiddlewareStack<Input, Output>;
}

/**
 * The client, each attempt of whose requests takes its turn.
 *
 * @example const client = limited(new S3Client({}), new AdaptiveLimit(64));
 */
export function limited<Input extends object, Output extends object, Client extends object>(
  client: Client & Limitable<Input, Output>,
  limit: AdaptiveLimit,
): Client {
  client.middlewareStack.addRelativeTo(
    (next: FinalizeHandler<Input, Output>) => async (args: FinalizeHandlerArguments<Input>) =>
      await limit.run<FinalizeHandlerOutput<Output>>(
        () => next(args),
        (outcome) => ('error' in outcome ? isTooMuch(outcome.error) : leavesSome(outcome.answer.output)),
      ),
    { relation: 'after', toMiddleware: RETRYING, name: 'adaptiveLimitMiddleware', override: true },
  );
  return client;
}

/** Those of DynamoDB beside those that S3 has too. */
const THROTTLED: readonly string[] = [
  ...['ProvisionedThroughputExceededException', 'Throttling', 'TooManyRequestsException'],
  ...['RequestThrottledException', 'ThrottledException', 'BandwidthLimitExceeded'],
];

const isTooMuch = (error: unknown): boolean =>
  isThrottling(error) || (error instanceof Error && THROTTLED.includes(error.name));

interface Batch {
  readonly UnprocessedItems?: object;
  readonly UnprocessedKeys?: object;
  readonly Errors?: readonly { readonly Code?: string }[];
}

/** Of a batch that was taken, parts may be refused for the rate. */
function leavesSome(output: Batch): boolean {
  const { UnprocessedItems: items = {}, UnprocessedKeys: keys = {}, Errors: errors } = output;
  if (Object.keys(items).length > 0 || Object.keys(keys).length > 0) return true;
  return Array.isArray(errors) && errors.some(({ Code }) => Code === 'SlowDown');
}
