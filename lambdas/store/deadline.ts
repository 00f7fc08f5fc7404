import type { FinalizeHandler, FinalizeHandlerArguments, MiddlewareStack } from '@smithy/types';
import { DeadlineError, UnansweredError } from './object-store.ts';
import { statusOf } from './s3-answers.ts';

/**
 * S3's deletions carry no fence, so none may be sent after the process's hard deadline (protocol, "one run at a
 * time"). The check sits inside the SDK's retries and right before the signature, whose age AWS bounds.
 */

/** The SDK's middleware that signs; it runs once for each attempt. */
const SIGNING = 'httpSigningMiddleware';

interface Guardable<Input extends object, Output extends object> {
  readonly middlewareStack: MiddlewareStack<Input, Output>;
}

/**
 * The command, with `guard` called right before each attempt to send it is signed. What `guard` throws ends the
 * command; a `DeadlineError` after an attempt that nobody has answered becomes an `UnansweredError`. An SDK without the
 * signing step refuses the command, rather than send it unguarded.
 * @example await client.send(guarded(new DeleteObjectCommand(input), () => deadline.assertBefore()));
 */
export function guarded<
  Input extends object,
  Output extends object,
  Command extends Guardable<Input, Output>,
>(command: Command & Guardable<Input, Output>, guard: () => void): Command {
  let isUnanswered = false;
  command.middlewareStack.addRelativeTo(
    (next: FinalizeHandler<Input, Output>) => async (args: FinalizeHandlerArguments<Input>) => {
      try {
        guard();
      } catch (cause) {
        if (!isUnanswered || !(cause instanceof DeadlineError)) throw cause;
        throw new UnansweredError(`a deletion was sent and not answered, and ${cause.message}`, { cause });
      }
      try {
        return await next(args);
      } catch (error) {
        isUnanswered ||= statusOf(error) === undefined;
        throw error;
      }
    },
    { relation: 'before', toMiddleware: SIGNING, name: 'deadlineMiddleware', override: true },
  );
  return command;
}
