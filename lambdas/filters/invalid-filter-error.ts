/**
 * The filters of a prune cannot be used as given. Nothing has been read or deleted when it is thrown, and a
 * caller answers it with its message alone: it says what was wrong, the value got and what is allowed.
 *
 * The message begins with the text that Docker's daemon gives for the same mistake, where Docker has one.
 */
export class InvalidFilterError extends Error {
  override readonly name = 'InvalidFilterError';
}
