import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { adopt, pushTwo, runCli, type Services, startServices, TABLE } from '../cli/support.ts';
import { type FunctionAnswer, type UrlFunction, urlContext, urlEvent } from '../support/function-url.ts';
import { envelope, event } from './envelopes.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const SECRET = 'a-secret-of-some-length';
const NEXT = 'the-secret-after-that';
const AUTHORIZED = { authorization: `Bearer ${NEXT}` };

let services: Services;
let handler: UrlFunction;
let digest: string;

beforeAll(async () => {
  services = await startServices();
  adopt(services.env);
  adopt({
    ...{ NOTIFICATION_SECRET: `${SECRET},${NEXT}`, POWERTOOLS_LOG_LEVEL: 'DEBUG' },
    // Asks for the whole event in the log, which has the secret in it.
    POWERTOOLS_LOGGER_LOG_EVENT: 'true',
  });
  await pushTwo(services.registry);
  await runCli(['init'], services.env);
  await runCli(['reindex'], services.env);
  digest = String((await itemOf('TAG#v1'))['digest']);
  // As a cold start would: it reads its environment when it is loaded.
  const loaded = await import('../../lambdas/notifications/handler.ts');
  handler = loaded.handler as unknown as UrlFunction;
});

afterAll(() => services?.stop());
afterEach(() => vi.restoreAllMocks());

async function itemOf(sk: string): Promise<Record<string, unknown>> {
  return { ...(await services.moment()).items.get(`REPO#team/app ${sk}`) };
}

/** Calls the function, and takes what it writes: documents a line, and all of it as text. */
async function invoke(body: string, headers: Readonly<Record<string, string>> = AUTHORIZED) {
  let written = '';
  const take = (chunk: unknown): boolean => {
    written += `${String(chunk)}\n`;
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const)
    vi.spyOn(console, method).mockImplementation((line) => void take(line));
  const answer: FunctionAnswer = await handler(urlEvent(body, headers), urlContext());
  vi.restoreAllMocks();
  for (const secret of [SECRET, NEXT]) expect(written).not.toContain(secret);
  const documents = written.split('\n').filter((line) => line.startsWith('{'));
  const lines: Record<string, unknown>[] = documents.map((line) => JSON.parse(line));
  return { ...answer, said: JSON.parse(answer.body), lines, metrics: lines.filter((line) => '_aws' in line) };
}

const pullOf = (target: Readonly<Record<string, unknown>>) => event({ target: { digest, ...target } });

describe('the notification function', () => {
  it('records a pull for the manifest and its tag', async () => {
    const at = Date.parse('2026-03-01T00:00:00Z');
    const { statusCode, said, metrics } = await invoke(envelope(pullOf({ tag: 'v1' }), null));
    expect([statusCode, said]).toEqual([200, { recorded: 2, unchanged: 0, ignored: 1, unknown: 0 }]);
    expect(await itemOf('TAG#v1')).toMatchObject({ digest, lastPulledAt: at });
    expect(await itemOf(`MANIFEST#${digest}`)).toMatchObject({ state: 'live', lastPulledAt: at });
    expect(metrics).toMatchObject([
      { PullsRecorded: 2, PullsUnchanged: 0, PullsUnknown: 0, EventsIgnored: 1, EventsMalformed: 1 },
    ]);
  });

  it('writes nothing for the next one, and says what it did not understand', async () => {
    const before = await services.moment();
    const { said, lines } = await invoke(envelope(pullOf({ tag: 'v1' }), pullOf({ repository: 'A B' })));
    expect(said).toEqual({ recorded: 0, unchanged: 2, ignored: 1, unknown: 0 });
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ level: 'WARN', message: 'event not understood' },
        reason: 'event 1: target.repository: "A B" is no repository name',
      }),
    );
    expect(await services.moment()).toEqual(before);
  });

  it('keeps strangers out', async () => {
    const before = await services.moment();
    const { statusCode, metrics, lines } = await invoke(envelope(pullOf({ tag: 'v1' })), {
      authorization: 'Bearer not-a-secret-of-ours',
    });
    expect(statusCode).toBe(401);
    expect(metrics).toMatchObject([{ NotificationsRefused: 1 }]);
    expect(lines).toContainEqual(expect.objectContaining({ message: 'notification refused', status: 401 }));
    expect(JSON.stringify(lines)).not.toContain('not-a-secret-of-ours');
    expect(await services.moment()).toEqual(before);
  });

  it('asks the registry to come again when the table fails, and tells only the log why', async () => {
    const client = new DynamoDBClient({});
    await client.send(new DeleteTableCommand({ TableName: TABLE }));
    client.destroy();
    const { statusCode, said, metrics, lines } = await invoke(envelope(pullOf({ tag: 'v2' })));
    expect([statusCode, said]).toEqual([503, { message: 'the pulls could not be recorded' }]);
    expect(metrics).toMatchObject([{ NotificationsFailed: 1 }]);
    expect(lines).toContainEqual(
      expect.objectContaining({
        ...{ level: 'ERROR', message: 'pulls not recorded' },
        error: expect.objectContaining({ name: 'TableMissingError' }),
      }),
    );
  });
});
