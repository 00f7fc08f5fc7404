/** A listing and a HEAD agree on an object's time only to the second. */

/** Whole seconds of a time in milliseconds. */
export const second = (milliseconds: number): number => Math.floor(milliseconds / 1000);

/** Whether a link was written after the moment that the table knows for it (milliseconds since the epoch). */
export const isNewer = (lastModified: Date, known: number): boolean =>
  second(lastModified.getTime()) > second(known);
