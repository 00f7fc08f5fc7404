/** What an execution ends with. By their names the machine tells what is worth another try. */

/** The request cannot be understood; nothing was done. */
export class InvalidRebuildError extends Error {
  override readonly name = 'InvalidRebuildError';
}

/** It was begun so long ago that what its units have left is about to be deleted: it cannot come to its end any more. */
export class RebuildTooOldError extends Error {
  override readonly name = 'RebuildTooOldError';
}

/** Another rebuild has been begun in the place of this one, which therefore ends. */
export class RebuildSupersededError extends Error {
  override readonly name = 'RebuildSupersededError';
}
