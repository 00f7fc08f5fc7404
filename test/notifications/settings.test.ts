import { expect, it } from 'vitest';
import { ConfigurationError } from '../../lambdas/configuration.ts';
import { readNotificationSettings } from '../../lambdas/notifications/settings.ts';

const SECRET = 'a-secret-of-some-length';

function problemOf(environment: Record<string, string>): string {
  try {
    readNotificationSettings(environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

it('takes one secret, or several', () => {
  const METADATA_TABLE = 'metadata';
  expect(readNotificationSettings({ METADATA_TABLE, NOTIFICATION_SECRET: SECRET })).toEqual({
    tableName: METADATA_TABLE,
    secrets: { values: [SECRET] },
  });
  const both = { METADATA_TABLE, NOTIFICATION_SECRET: ` ${SECRET}, 0123456789abcdef` };
  expect(readNotificationSettings(both).secrets).toEqual({ values: [SECRET, '0123456789abcdef'] });
});

it('takes the name of a secret instead, and not both', () => {
  const METADATA_TABLE = 'metadata';
  expect(readNotificationSettings({ METADATA_TABLE, NOTIFICATION_SECRET_ID: 'registry' })).toEqual({
    tableName: METADATA_TABLE,
    secrets: { id: 'registry' },
  });
  expect(
    problemOf({ METADATA_TABLE, NOTIFICATION_SECRET: SECRET, NOTIFICATION_SECRET_ID: 'registry' }),
  ).toContain('NOTIFICATION_SECRET and NOTIFICATION_SECRET_ID exclude each other');
});

it('names every variable at fault', () => {
  expect(problemOf({})).toBe(
    'the environment is not usable: METADATA_TABLE is not set; neither NOTIFICATION_SECRET nor NOTIFICATION_SECRET_ID is set',
  );
  expect(problemOf({ METADATA_TABLE: '', NOTIFICATION_SECRET: SECRET })).not.toContain('NOTIFICATION_SECRET');
});

it.each([
  { value: 'too-short-by-1', message: 'secret 1 of 1 is too short: allowed are 16 characters and more' },
  { value: `${SECRET},`, message: 'secret 2 of 2 is too short' },
  { value: `${SECRET},,${SECRET}`, message: 'secret 2 of 3 is too short' },
  { value: `${SECRET} with spaces`, message: 'secret 1 of 1 has a character that is not allowed' },
  { value: `${SECRET}é`, message: 'allowed are printable ASCII without spaces' },
])('says what is wrong and never shows a secret: $message', ({ value, message }) => {
  const problem = problemOf({ METADATA_TABLE: 'metadata', NOTIFICATION_SECRET: value });
  expect(problem).toContain(message);
  for (const secret of value.split(',').filter(Boolean)) expect(problem).not.toContain(secret);
});
