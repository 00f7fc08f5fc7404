/** The environment of the notification function, validated once at start. */
import { ConfigurationError } from '../configuration.ts';

export interface NotificationSettings {
  readonly tableName: string;
  /**
   * Any of the values opens: while one takes the place of another, registries send either. Or the name or ARN of a secret
   * of Secrets Manager that has them.
   */
  readonly secrets: { readonly values: readonly string[] } | { readonly id: string };
}

/** The function's URL is public, and this is all that keeps others out. */
export const MIN_SECRET_LENGTH = 16;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `METADATA_TABLE` and either `NOTIFICATION_SECRET` (several: comma-separated) or `NOTIFICATION_SECRET_ID`.
 *
 * @throws ConfigurationError that names every variable at fault, and never shows a secret.
 */
export function readNotificationSettings(environment: Environment): NotificationSettings {
  const { METADATA_TABLE: tableName = '', NOTIFICATION_SECRET: value = '' } = environment;
  const { NOTIFICATION_SECRET_ID: id = '' } = environment;
  const values = split(value);
  const problems = [
    ...(tableName === '' ? ['METADATA_TABLE is not set'] : []),
    ...(value === '' && id === '' ? ['neither NOTIFICATION_SECRET nor NOTIFICATION_SECRET_ID is set'] : []),
    ...(value !== '' && id !== ''
      ? ['NOTIFICATION_SECRET and NOTIFICATION_SECRET_ID exclude each other']
      : []),
    ...(value === '' ? [] : objectionsTo('NOTIFICATION_SECRET', values)),
  ];
  if (problems.length > 0) {
    throw new ConfigurationError(`the environment is not usable: ${problems.join('; ')}`);
  }
  return { tableName, secrets: id === '' ? { values } : { id } };
}

/**
 * The secrets in the value of a secret of Secrets Manager: one, or several with commas between.
 *
 * @throws ConfigurationError that never shows a secret.
 */
export function parseSecrets(value: string): readonly string[] {
  const values = split(value);
  const problems = objectionsTo('the stored secret', values);
  if (problems.length > 0) throw new ConfigurationError(problems.join('; '));
  return values;
}

const split = (value: string): string[] => value.split(',').map((secret) => secret.trim());

const objectionsTo = (name: string, secrets: readonly string[]): string[] =>
  secrets.flatMap((secret, at) => objectionTo(secret, `${name}: secret ${at + 1} of ${secrets.length}`));

/** @returns at most one, as a list. */
function objectionTo(secret: string, which: string): string[] {
  if (secret.length < MIN_SECRET_LENGTH)
    return [`${which} is too short: allowed are ${MIN_SECRET_LENGTH} characters and more`];
  // A header could not carry it unchanged.
  if (!/^[\x21-\x7e]+$/.test(secret))
    return [`${which} has a character that is not allowed: allowed are printable ASCII without spaces`];
  return [];
}
