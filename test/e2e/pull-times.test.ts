import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { serveFunction, type UrlFunction, type UrlServer } from '../support/function-url.ts';
import { createBucket } from './support/bucket.ts';
import { cliEnvironment, runCli } from './support/cli.ts';
import { type RegistryClient, registryClient } from './support/client.ts';
import { image, index, layer, pushArtifact } from './support/images.ts';
import { type Service, startMoto, startRegistry } from './support/services.ts';
import { skopeoPull } from './support/skopeo.ts';
import { snapshotTable } from './support/table.ts';
import { JOURNAL_PREFIX, reportOf, succeeded } from './support/world.ts';

const BUCKET = 'registry-pull-times';
const TABLE = 'table-pull-times';
const REPOSITORY = 'team/app';
const SECRET = 'the-secret-of-this-test';

const byTag = image({ layers: [layer('pulled by its tag')] });
const byDigest = image({ layers: [layer('pulled by its digest')], format: 'docker' });
const asked = image({ layers: [layer('only asked for')] });
const child = image({ layers: [layer('child of an index')] });
const multi = index([child]);
const never = image({ layers: [layer('never pulled')] });

const running: { readonly stop: () => Promise<void> }[] = [];
let moto: Service;
let webhook: UrlServer;
let environment: Readonly<Record<string, string>>;
let client: RegistryClient;

beforeAll(async () => {
  moto = await started(startMoto());
  await createBucket(moto.url, BUCKET, { versioned: true });
  const settings = { endpoint: moto.url, table: TABLE, bucket: BUCKET, journalPrefix: JOURNAL_PREFIX };
  environment = cliEnvironment({ ...settings, bus: 'default' });
  succeeded(await runCli(['init'], environment));

  const quiet = { POWERTOOLS_METRICS_DISABLED: 'true', POWERTOOLS_LOG_LEVEL: 'SILENT' };
  Object.assign(process.env, environment, quiet, { NOTIFICATION_SECRET: `an-older-secret-it-had,${SECRET}` });
  const { handler } = await import('../../lambdas/notifications/handler.ts');
  webhook = await started(serveFunction(handler as unknown as UrlFunction));

  client = await registry(SECRET);
  const tagged = Object.entries({ 'by-tag': byTag, 'by-digest': byDigest, asked, multi, never });
  for (const [tag, artifact] of tagged) await pushArtifact(client, REPOSITORY, artifact, tag);
  succeeded(await runCli(['reindex'], environment));
});

afterAll(async () => {
  for (const { stop } of running.splice(0).reverse()) await stop();
});

async function started<T extends { readonly stop: () => Promise<void> }>(starting: Promise<T>): Promise<T> {
  const service = await starting;
  running.push(service);
  return service;
}

/** A registry over the bucket, whose notifications carry this secret. */
async function registry(secret: string): Promise<RegistryClient> {
  const notifications = { url: webhook.url, secret };
  const service = startRegistry({ s3Endpoint: moto.url, bucket: BUCKET, notifications });
  return registryClient((await started(service)).url);
}

/** What is recorded, by the sort keys of the repository's items. */
async function recorded(): Promise<Map<string, number>> {
  const times = new Map<string, number>();
  for (const item of (await snapshotTable(moto.url, TABLE)).values()) {
    if (item['lastPulledAt'] !== undefined) times.set(String(item['sk']), Number(item['lastPulledAt']));
  }
  return times;
}

/** Does something, and waits until what the registry tells of it has been answered. */
async function notified(events: number, action: () => Promise<unknown>): Promise<UrlServer['calls']> {
  const before = webhook.calls.length;
  await action();
  await vi.waitUntil(() => webhook.calls.length >= before + events, { timeout: 30_000 });
  return webhook.calls.slice(before);
}

describe('a registry that tells of its pulls', () => {
  it('has told of no push', async () => {
    expect(webhook.calls).toEqual([]);
    expect(await recorded()).toEqual(new Map());
  });

  it('has a pull by tag recorded for the tag and its manifest', async () => {
    const before = Date.now();
    const [call] = await notified(1, () => client.getManifest(REPOSITORY, 'by-tag'));
    expect(call?.answer).toMatchObject({ statusCode: 200 });
    expect(JSON.parse(call?.answer.body ?? '')).toEqual({
      ...{ recorded: 2, unchanged: 0, ignored: 0, unknown: 0 },
    });
    const times = await recorded();
    expect(new Set(times.keys())).toEqual(new Set(['TAG#by-tag', `MANIFEST#${byTag.digest}`]));
    for (const at of times.values()) expect(at).toBeGreaterThanOrEqual(before - 1_000);
  });

  it('has a pull by digest recorded for the manifest alone', async () => {
    await notified(1, () => client.getManifest(REPOSITORY, byDigest.digest));
    const keys = [...(await recorded()).keys()];
    expect(keys).toContain(`MANIFEST#${byDigest.digest}`);
    expect(keys).not.toContain('TAG#by-digest');
  });

  it('has a HEAD recorded, as a client asks for a tag before it pulls by digest', async () => {
    await notified(1, () => client.headManifest(REPOSITORY, 'asked'));
    expect([...(await recorded()).keys()]).toContain('TAG#asked');
  });

  it("has a real client's pull recorded, with the images that an index lists, and tells of no layer", async () => {
    const directory = await mkdtemp(join(tmpdir(), 'registry-prune-pull-'));
    try {
      const calls = await notified(2, () => skopeoPull(`${client.host}/${REPOSITORY}:multi`, directory));
      expect(calls.map(({ answer }) => answer.statusCode)).toEqual(calls.map(() => 200));
      for (const { answer } of calls)
        expect(JSON.parse(answer.body)).toMatchObject({ ignored: 0, unknown: 0 });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
    const keys = [...(await recorded()).keys()];
    for (const key of ['TAG#multi', `MANIFEST#${multi.digest}`, `MANIFEST#${child.digest}`])
      expect(keys).toContain(key);
  });

  it('has nothing written twice in an hour', async () => {
    const before = await snapshotTable(moto.url, TABLE);
    const [call] = await notified(1, () => client.getManifest(REPOSITORY, 'by-tag'));
    expect(JSON.parse(call?.answer.body ?? '')).toMatchObject({ recorded: 0, unchanged: 2 });
    expect(await snapshotTable(moto.url, TABLE)).toEqual(before);
  });

  it('has them kept by a rebuild, and shown by a prune', async () => {
    const before = await recorded();
    succeeded(await runCli(['reindex'], environment));
    expect(await recorded()).toEqual(before);

    const args = ['prune', '--mode', 'offline', '--all', '--dry-run', '--json'];
    const { imagesDeleted } = reportOf(await runCli(args, environment));
    const shown = new Map(
      imagesDeleted.map(({ untagged, deleted, lastPulledAt }) => [untagged ?? deleted, lastPulledAt]),
    );
    const time = (sk: string) => new Date(before.get(sk) ?? Number.NaN).toISOString();
    expect(shown.get(`${REPOSITORY}:by-tag`)).toBe(time('TAG#by-tag'));
    expect(shown.get(byDigest.digest)).toBe(time(`MANIFEST#${byDigest.digest}`));
    expect(shown.has(never.digest)).toBe(true);
    expect([shown.get(`${REPOSITORY}:never`), shown.get(never.digest)]).toEqual([undefined, undefined]);
  });
});

it('has told of nothing but manifests', () => {
  const types = webhook.calls.flatMap(({ body }) =>
    Object(JSON.parse(body)).events.map(({ target }: { target: { mediaType: string } }) => target.mediaType),
  );
  expect(new Set(types)).toEqual(new Set([byTag, byDigest, multi].map(({ mediaType }) => mediaType)));
});

it('records nothing for a registry with a wrong secret, which comes again', async () => {
  const wrong = await registry('not-the-secret-of-this-test');
  const before = await snapshotTable(moto.url, TABLE);
  const calls = await notified(2, () => wrong.getManifest(REPOSITORY, 'never'));
  expect(calls.map(({ answer }) => answer.statusCode)).toEqual(calls.map(() => 401));
  expect(new Set(calls.map(({ body }) => body)).size).toBe(1);
  expect(await snapshotTable(moto.url, TABLE)).toEqual(before);
});
