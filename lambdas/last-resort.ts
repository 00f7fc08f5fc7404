/** How a function ends that has not ended itself. */

/** A run is told this much before the function's time is over; it ends itself earlier, as a rule (milliseconds). */
const TELL_BEFORE = 5_000;

/**
 * Options of middy, and a wrap of the handler, for a function that deletes. Shortly before its time is over, the handler's
 * signal is aborted; what does not end by that ends with its process. Lambda only freezes the process of a function that stops
 * waiting for its work: the work would go on in the middle of a later call, and write to the table beside the run that came
 * after (protocol section 4).
 *
 * @param exit ends the process.
 * @param toHeed how long the work has to end by the signal (milliseconds); less than is left then.
 */
export function lastResort(exit: () => void = () => process.exit(1), toHeed = 4_000) {
  let timer: NodeJS.Timeout | undefined;
  const options = {
    timeoutEarlyInMillis: TELL_BEFORE,
    timeoutEarlyResponse: () =>
      new Promise<never>(() => {
        timer = setTimeout(() => {
          process.stderr.write('The function has not ended in time: its process ends now.\n');
          exit();
        }, toHeed);
      }),
  };
  const heeding =
    <A extends readonly unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      try {
        return await run(...args);
      } finally {
        clearTimeout(timer);
      }
    };
  return { options, heeding };
}
