import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  CREDENTIALS,
  createBucket,
  deleteObject,
  diff,
  listVersions,
  REGION,
  type Snapshot,
  snapshotBucket,
} from './support/bucket.ts';
import { createBus } from './support/bus.ts';
import { type RegistryClient, RegistryError, registryClient } from './support/client.ts';
import { failureLines, pullEverything } from './support/pulls.ts';
import { type Reach, reach, registryRoot } from './support/reach.ts';
import { buildScenario, type Scenario } from './support/scenario.ts';
import { type Service, startMoto, startRegistry } from './support/services.ts';
import { skopeoPull } from './support/skopeo.ts';

/** The checks of the other end-to-end tests, checked: without the product they must pass, and with damage fail. */
describe.each([
  { name: 'unversioned', versioned: false, rootDirectory: undefined },
  { name: 'versioned', versioned: true, rootDirectory: '/some/root' },
])('harness, $name bucket', ({ name, versioned, rootDirectory }) => {
  const bucket = `harness-${name}`;
  const root = registryRoot(rootDirectory);
  const place = rootDirectory === undefined ? {} : { rootDirectory };
  const running: Service[] = [];
  let endpoint: string;
  let client: RegistryClient;
  let scenario: Scenario;
  let snapshot: Snapshot;
  let reached: Reach;

  beforeAll(async () => {
    const moto = await startMoto();
    running.push(moto);
    endpoint = moto.url;
    await createBucket(endpoint, bucket, { versioned });
    const registry = await startRegistry({ s3Endpoint: endpoint, bucket, ...place });
    running.push(registry);
    client = registryClient(registry.url);
    scenario = await buildScenario(registry.url, client);
    snapshot = await snapshotBucket(endpoint, bucket);
    reached = await reach({ endpoint, bucket, snapshot, everExisted: scenario.everExisted, ...place });
  });

  afterAll(async () => {
    for (const service of running.reverse()) await service.stop();
  });

  it('pulls every tag but for what clients deleted', async () => {
    const { pulls, failures } = await pullEverything(client);
    const tags = [...scenario.tagged, ...scenario.deadTags].map(({ repo, tag }) => `${repo}:${tag}`);
    expect(new Set(pulls.map(({ repo, tag }) => `${repo}:${tag}`))).toEqual(new Set(tags));
    expect(failureLines(failures)).toEqual(scenario.missing.before);
    for (const { repo, tag, digest } of scenario.tagged) {
      expect(pulls.find((pull) => pull.repo === repo && pull.tag === tag)?.digests[0]).toBe(digest);
    }
  });

  it('pulls with a client of its own', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'registry-prune-pull-'));
    try {
      await skopeoPull(`${client.host}/library/attested:1.0`, directory);
      // Four manifests, two images with three and one of them sharing a layer, two statements: all there.
      expect((await readdir(directory)).filter((file) => file.endsWith('.manifest.json'))).toHaveLength(4);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('holds everything tagged for live and everything abandoned for garbage', () => {
    const held = ({ repo, digest }: { repo: string; digest: string }) => `${repo}@${digest}`;
    const live = new Set([...scenario.tagged, ...scenario.liveManifests].map(held));
    expect(reached.liveManifests).toEqual(live);
    expect(reached.deadManifests).toEqual(new Set(scenario.deadManifests.map(held)));
    expect(reached.garbage.tags).toEqual(
      new Set(
        scenario.deadTags.map(
          ({ repo, tag }) => `${root}repositories/${repo}/_manifests/tags/${tag}/current/link`,
        ),
      ),
    );
    const dead = [...scenario.deadManifests, ...scenario.removedManifests].map(({ digest }) => digest);
    expect(reached.garbage.blobs).toEqual(
      new Set([...dead, ...scenario.deadBlobs].map((digest) => blobKey(root, digest))),
    );
    const { repo, digest } = scenario.staleLink;
    expect(reached.garbage.layers).toContain(
      `${root}repositories/${repo}/_layers/${digest.replace(':', '/')}/link`,
    );
    expect(reached.live.blobs).toContain(blobKey(root, digest));
  });

  it('knows every key of the bucket', () => {
    const known = new Set(
      [reached.live, reached.garbage].flatMap((sets) => Object.values(sets).flatMap((keys) => [...keys])),
    );
    const upload = `${root}repositories/${scenario.abandonedUpload.repo}/_uploads/${scenario.abandonedUpload.uuid}/`;
    const others = [...snapshot.keys()].filter((key) => !known.has(key));
    expect(others.filter((key) => !key.startsWith(upload))).toEqual([]);
    expect(others).not.toEqual([]);
  });

  it('sees a layer, a link, a manifest and a tag that were taken away', async () => {
    const registry = (path: string) => `${root}repositories/team/app/${path}`;
    const image = scenario.tagged.find(({ repo, tag }) => repo === 'team/app' && tag === 'v1');
    const { pulls } = await pullEverything(client);
    const [manifest = '', config = '', layer = ''] =
      pulls.find(({ repo, tag }) => repo === 'team/app' && tag === 'v1')?.digests ?? [];
    expect(manifest).toBe(image?.digest);

    await deleteObject(endpoint, bucket, registry(`_layers/${config.replace(':', '/')}/link`));
    await deleteObject(endpoint, bucket, blobKey(root, layer));
    await deleteObject(endpoint, bucket, blobKey(root, scenario.tagged[1]?.digest ?? ''));
    await deleteObject(endpoint, bucket, registry('_manifests/tags/latest/current/link'));

    const after = await pullEverything(client);
    const damage = failureLines(after.failures).filter((line) => !scenario.missing.before.includes(line));
    expect(damage).toContain(`team/app:v1 ${config}`);
    expect(damage).toContain(`team/app:v1 ${layer}`);
    expect(damage).toContain('team/app:v2 v2');
    expect(damage.some((line) => line.startsWith('mirror:v1'))).toBe(true);
    expect(damage).toContain('team/app:latest latest');

    const { removed, added, changed } = diff(snapshot, await snapshotBucket(endpoint, bucket));
    expect(removed.size).toBe(4);
    expect(removed.get(blobKey(root, layer))).toBe(snapshot.get(blobKey(root, layer))?.size);
    expect([added.size, changed.size]).toEqual([0, 0]);
    const kept = (await listVersions(endpoint, bucket, blobKey(root, layer))).filter((v) => !v.isMarker);
    expect(kept).toHaveLength(versioned ? 1 : 0);
  });

  it('carries the status and the body of what the registry refuses', async () => {
    const refused = client.getBlob('team/app', `sha256:${'0'.repeat(64)}`);
    await expect(refused).rejects.toBeInstanceOf(RegistryError);
    await expect(refused).rejects.toMatchObject({
      status: 404,
      body: expect.stringContaining('BLOB_UNKNOWN'),
    });
  });

  it('receives the events of the product and no others, each once', async () => {
    const bus = await createBus(endpoint, `bus-${name}`);
    const Detail = JSON.stringify({ reclaimedBytes: 7 });
    await new EventBridgeClient({ endpoint, region: REGION, credentials: CREDENTIALS }).send(
      new PutEventsCommand({
        Entries: ['registry-prune', 'someone-else'].map((Source) => ({
          Source,
          DetailType: 'Registry Prune',
          Detail,
          EventBusName: bus.name,
        })),
      }),
    );
    expect(await bus.receive()).toEqual([
      { source: 'registry-prune', detailType: 'Registry Prune', detail: { reclaimedBytes: 7 } },
    ]);
    expect(await bus.receive()).toEqual([]);
  });
});

describe('harness without its programs', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('names the package that has them', async () => {
    vi.stubEnv('PATH', '');
    await expect(startMoto()).rejects.toThrow(
      'moto_server is not installed: it comes with the pip package moto',
    );
    await expect(startRegistry({ s3Endpoint: 'http://127.0.0.1:1', bucket: 'none' })).rejects.toThrow(
      'docker-registry is not installed: it comes with the Debian package docker-registry',
    );
    await expect(skopeoPull('127.0.0.1:1/none:none', 'none')).rejects.toThrow(
      'skopeo is not installed: it comes with the Debian package skopeo',
    );
  });
});

function blobKey(root: string, digest: string): string {
  const [algorithm, hex = ''] = digest.split(':');
  return `${root}blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
}
