/**
 * `docker-registry garbage-collect --delete-untagged` and this project on identical copies of one bucket: what each asks
 * of S3, how long it takes, and what it leaves.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { type Embedded, startEmbeddedDynamoDb } from '../../local/embedded-dynamodb.ts';
import { MemoryBucket } from '../../local/memory-bucket.ts';
import { createBucket, s3 } from '../../test/e2e/support/bucket.ts';
import { cliEnvironment, runCli } from '../../test/e2e/support/cli.ts';
import { registryConfig, type Service, startMoto } from '../../test/e2e/support/services.ts';
import { startFaultyProxy } from '../../test/support/faulty-proxy.ts';
import { Catalog } from '../registry/catalog.ts';
import { factsOf, type Inspection, inspect, type Listed, type RegistryFacts } from '../registry/facts.ts';
import { RegistryObjects } from '../registry/objects.ts';

export interface PeerOptions {
  /** Of one platform. */
  readonly images: number;
  readonly garbage: number;
  readonly seed: number;
}

/** What one command has taken. */
export interface Taken {
  readonly seconds: number;
  readonly s3: Readonly<Record<string, number>>;
  /** Requests. */
  readonly dynamodb: number;
}

export interface PeerResult {
  readonly options: PeerOptions;
  readonly registry: RegistryFacts;
  /** `garbage-collect`, for which the registry is stopped. */
  readonly peer: Taken & { readonly left: Inspection };
  /** The first index, the dry run, the run and a further run, in this order. */
  readonly ours: Readonly<Record<'reindex' | 'dryRun' | 'prune' | 'quiet', Taken>> & {
    readonly left: Inspection;
  };
}

/** Puts at a time while a bucket is filled. */
const FILLING = 16;
/** A collection of some thousand manifests takes minutes. */
const PEER_WITHIN = 30 * 60_000;
/** Milliseconds before now: longer than all builds of a repository take. */
const PUSHED_SINCE = 90 * 24 * 3_600_000;
const BUCKETS = { peer: 'peer', ours: 'ours' } as const;

const run = promisify(execFile);

/** Layers are small, so that what is measured is requests. */
const bytesOf = (size: number): string => `a layer of ${size} bytes`;

/** Needs `docker-registry` and `moto_server`. */
export async function compare(options: PeerOptions, started: (what: string) => void): Promise<PeerResult> {
  const { images, garbage, seed } = options;
  const layout = new RegistryLayout('');
  const catalog = new Catalog({ images, garbage, seed, since: Date.now() - PUSHED_SINCE });
  const bucket = new MemoryBucket({
    base: new RegistryObjects({ catalog, layout, stage: 'settled', bytesOf }),
  });
  const wanted = new RegistryObjects({ catalog, layout, stage: 'pruned', bytesOf });
  const look = (name: string): Promise<Inspection> => inspect(listed(moto.url, name), wanted, layout);
  const moto = await startMoto();
  const wire = new Wire();
  const opened: Embedded[] = [];
  try {
    for (const name of Object.values(BUCKETS)) {
      started(`${options.images} images: filling the bucket for ${name}`);
      await createBucket(moto.url, name, { versioned: name === BUCKETS.ours });
      await fill(moto.url, name, bucket);
    }
    const dynamodb = await startEmbeddedDynamoDb();
    opened.push(dynamodb);
    const s3Proxy = await startFaultyProxy({ endpoint: moto.url, ...wire.watch('s3') });
    const tableProxy = await startFaultyProxy({
      ...{ endpoint: dynamodb.endpoint, service: 'dynamodb' as const },
      ...wire.watch('dynamodb'),
    });
    opened.push(s3Proxy, tableProxy);

    started(`${options.images} images: garbage-collect`);
    const peer = await wire.during(() => garbageCollect(s3Proxy.endpoint));
    const peerLeft = await look(BUCKETS.peer);

    const env = {
      ...cliEnvironment({
        ...{ endpoint: moto.url, table: 'peer', bucket: BUCKETS.ours, bus: 'default' },
        journalPrefix: 'registry-prune/journal/',
      }),
      AWS_ENDPOINT_URL_S3: s3Proxy.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: tableProxy.endpoint,
      MAX_MANIFEST_SHARE: '100%',
      MAX_BYTE_SHARE: '100%',
    };
    const command = async (...args: readonly string[]): Promise<Taken> => {
      started(`${options.images} images: ${args.join(' ')}`);
      return await wire.during(async () => {
        const { code, stderr } = await runCli(args, env);
        if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
      });
    };
    await command('init');
    const reindex = await command('reindex');
    const dryRun = await command('prune', '--mode', 'offline', '--dry-run');
    const prune = await command('prune', '--mode', 'offline', '--yes');
    const quiet = await command('prune', '--mode', 'offline', '--yes');
    const left = await look(BUCKETS.ours);
    const ours = { reindex, dryRun, prune, quiet, left };
    return { options, registry: factsOf(catalog), peer: { ...peer, left: peerLeft }, ours };
  } finally {
    for (const one of opened.reverse()) await one.stop();
    await (moto satisfies Service).stop();
  }
}

/** Counts what goes over the wire. */
class Wire {
  #s3: Record<string, number> = {};
  #dynamodb = 0;

  watch(service: 's3' | 'dynamodb') {
    return {
      onForward: ({ operation }: { readonly operation: string }): void => {
        if (service === 'dynamodb') this.#dynamodb++;
        else this.#s3[operation] = (this.#s3[operation] ?? 0) + 1;
      },
    };
  }

  async during(work: () => Promise<unknown>): Promise<Taken> {
    this.#s3 = {};
    this.#dynamodb = 0;
    const before = performance.now();
    await work();
    const seconds = (performance.now() - before) / 1000;
    return { seconds, s3: this.#s3, dynamodb: this.#dynamodb };
  }
}

async function fill(endpoint: string, name: string, from: MemoryBucket): Promise<void> {
  const keys: string[] = [];
  for (let next: string | undefined, more = true; more; more = next !== undefined) {
    const page = await from.list('', next === undefined ? {} : { next });
    keys.push(...page.objects.map(({ key }) => key));
    next = page.next;
  }
  await pMap(
    keys,
    async (key) => {
      const body = (await from.get(key))?.body ?? new Uint8Array();
      await s3(endpoint).send(new PutObjectCommand({ Bucket: name, Key: key, Body: body }));
    },
    { concurrency: FILLING },
  );
}

async function garbageCollect(endpoint: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'registry-prune-peer-'));
  try {
    const config = join(folder, 'config.yml');
    await writeFile(config, JSON.stringify(registryConfig({ s3Endpoint: endpoint, bucket: BUCKETS.peer })));
    await run('docker-registry', ['garbage-collect', '--delete-untagged', config], {
      env: { PATH: process.env['PATH'] },
      maxBuffer: 1024 ** 3,
      timeout: PEER_WITHIN,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The registry's objects alone. */
async function* listed(endpoint: string, name: string): AsyncGenerator<Listed> {
  for (let token: string | undefined, more = true; more; more = token !== undefined) {
    const page = await s3(endpoint).send(
      new ListObjectsV2Command({
        ...{ Bucket: name, Prefix: 'docker/registry/v2/' },
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    for (const { Key: key = '', Size: size = 0, ETag: etag = '' } of page.Contents ?? []) {
      yield { key, size, etag };
    }
    token = page.NextContinuationToken;
  }
}
