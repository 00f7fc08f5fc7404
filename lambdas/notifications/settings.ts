/** The environment of the notification function, validated once at start. */
import { ConfigurationError } from '../configuration.ts';

export interface NotificationSettings {
  readonly tableName: string;
  /** Any of them opens: while one takes the place of another, registries send either. */
  readonly secrets: readonly string[];
}

/** The function's URL is public, and this is all that keeps others out. */
export const MIN_SECRET_LENGTH = 16;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `METADATA_TABLE` and `NOTIFICATION_SECRET` (several: comma-separated).
 *
 * @throws ConfigurationError that names every variable at fault, and never shows a secret.
 */
export function readNotificationSettings(environment: Environment): NotificationSettings {
  const { METADATA_TABLE: tableName = '', NOTIFICATION_SECRET: value = '' } = environment;
  const secrets = value.split(',').map((secret) => secret.trim());
  const problems = [
    ...(tableName === '' ? ['METADATA_TABLE is not set'] : []),
    ...(value === '' ? ['NOTIFICATION_SECRET is not set'] : secrets.flatMap(objectionTo)),
  ];
  if (problems.length > 0) {
    throw new ConfigurationError(`the environment is not usable: ${problems.join('; ')}`);
  }
  return { tableName, secrets };
}

/** @returns at most one, as a list. */
function objectionTo(secret: string, at: number, { length }: readonly string[]): string[] {
  const which = `NOTIFICATION_SECRET: secret ${at + 1} of ${length}`;
  if (secret.length < MIN_SECRET_LENGTH)
    return [`${which} is too short: allowed are ${MIN_SECRET_LENGTH} characters and more`];
  // A header could not carry it unchanged.
  if (!/^[\x21-\x7e]+$/.test(secret))
    return [`${which} has a character that is not allowed: allowed are printable ASCII without spaces`];
  return [];
}
