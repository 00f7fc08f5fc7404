/** What an execution ends with. By their names the machine tells what is worth another try. */

/** The request cannot be understood; nothing was done. */
export class InvalidRebuildError extends Error {
  override readonly name = 'InvalidRebuildError';
}

/** Another rebuild has been begun in the place of this one, which therefore ends. */
export class RebuildSupersededError extends Error {
  override readonly name = 'RebuildSupersededError';
}
