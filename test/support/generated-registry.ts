/** Whole registries, generated as what was done to them, so that a failing one shrinks to a few steps. */
import fc from 'fast-check';
import { DAY, HOUR, SECOND } from './clock.ts';
import {
  attestation,
  buildCache,
  type CosignSuffix,
  cosignTag,
  type Digest,
  digestOf,
  image,
  index,
  layer,
  type Manifest,
  malformed,
  neverPushed,
  referrer,
  schema1,
  signature,
  TYPES,
  unknown,
} from './images.ts';
import { dataKey, layerKey, revisionKey, uploadDirectory } from './registry-writer.ts';
import type { World } from './world.ts';

export const REPOSITORIES = ['base', 'team', 'team/app'] as const;
export type RepositoryName = (typeof REPOSITORIES)[number];

export const LABELS = [
  ['team', 'core'],
  ['team', 'edge'],
  ['keep', ''],
  ['__proto__', 'x'],
  ['constructor', 'y'],
] as const;

type Strange = 'unknown' | 'malformed' | 'corrupt' | 'missing-config' | 'missing-data';

/** One thing that happens. Numbers choose among what is there, counted round. */
export type Step =
  | {
      readonly do: 'image';
      readonly repo: RepositoryName;
      readonly seed: number;
      readonly format: 'docker' | 'oci';
      readonly layers: readonly number[];
      readonly labels: readonly number[];
      readonly tag: string | undefined;
    }
  | {
      readonly do: 'index';
      readonly repo: RepositoryName;
      readonly children: readonly number[];
      readonly attested: boolean;
      readonly sparse: boolean;
      readonly subject: 'none' | 'child' | 'other';
      readonly format: 'docker' | 'oci';
      readonly tag: string | undefined;
    }
  | {
      readonly do: 'referrer';
      readonly repo: RepositoryName;
      readonly of: number;
      readonly missing: boolean;
      readonly tag: string | undefined;
    }
  | {
      readonly do: 'sign';
      readonly repo: RepositoryName;
      readonly of: number;
      readonly never: boolean;
      readonly suffix: CosignSuffix;
      readonly seed: number;
    }
  | {
      readonly do: 'cache';
      readonly repo: RepositoryName;
      readonly layers: readonly number[];
      readonly tag: string | undefined;
    }
  | {
      readonly do: 'schema1';
      readonly repo: RepositoryName;
      readonly layers: readonly number[];
      readonly tag: string | undefined;
    }
  | {
      readonly do: 'strange';
      readonly repo: RepositoryName;
      readonly what: Strange;
      readonly tag: string | undefined;
    }
  | { readonly do: 'retag'; readonly repo: RepositoryName; readonly of: number; readonly tag: string }
  | {
      readonly do: 'copy';
      readonly from: RepositoryName;
      readonly to: RepositoryName;
      readonly of: number;
      readonly tag: string | undefined;
    }
  | { readonly do: 'mount'; readonly to: RepositoryName; readonly layer: number }
  | { readonly do: 'upload'; readonly repo: RepositoryName; readonly layer: number }
  | { readonly do: 'orphan'; readonly layer: number }
  | { readonly do: 'unlink'; readonly repo: RepositoryName; readonly layer: number }
  | { readonly do: 'delete'; readonly repo: RepositoryName; readonly of: number }
  | { readonly do: 'untag'; readonly repo: RepositoryName; readonly tag: string }
  | { readonly do: 'abandon'; readonly repo: RepositoryName; readonly uuid: number; readonly daysAgo: number }
  | { readonly do: 'multipart'; readonly repo: RepositoryName | undefined; readonly daysAgo: number }
  | { readonly do: 'reindex' }
  | { readonly do: 'wait'; readonly hours: number };

const repo = fc.constantFrom(...REPOSITORIES);
const tag = fc.constantFrom('v1', 'v2', 'latest');
const maybeTag = fc.option(tag, { nil: undefined, freq: 2 });
const pick = fc.nat(20);
const layers = fc.array(fc.nat(5), { maxLength: 3 });
const someLayers = fc.array(fc.nat(5), { minLength: 1, maxLength: 3 });

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('image'),
      repo,
      seed: fc.nat(4),
      format: fc.constantFrom('docker', 'oci'),
      layers,
      labels: fc.uniqueArray(fc.nat(LABELS.length - 1), { maxLength: 2, selector: (at) => LABELS[at]?.[0] }),
      tag: maybeTag,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('index'),
      repo,
      children: fc.array(pick, { maxLength: 3 }),
      attested: fc.boolean(),
      sparse: fc.boolean(),
      subject: fc.constantFrom('none', 'none', 'child', 'other'),
      format: fc.constantFrom('docker', 'oci'),
      tag: maybeTag,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('referrer'),
      repo,
      of: pick,
      missing: fc.boolean(),
      tag: fc.option(tag, { nil: undefined, freq: 1 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('sign'),
      repo,
      of: pick,
      never: fc.boolean(),
      suffix: fc.constantFrom<CosignSuffix>('', '.sig', '.att', '.sbom'),
      seed: fc.nat(1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cache'), repo, layers, tag: maybeTag }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('schema1'), repo, layers: someLayers, tag: maybeTag }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('strange'),
      repo,
      what: fc.constantFrom<Strange>('unknown', 'missing-config', 'malformed', 'corrupt', 'missing-data'),
      tag: maybeTag,
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('retag'), repo, of: pick, tag }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('copy'), from: repo, to: repo, of: pick, tag: maybeTag }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('mount'), to: repo, layer: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('upload'), repo, layer: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('orphan'), layer: fc.nat(8) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unlink'), repo, layer: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete'), repo, of: pick }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('untag'), repo, tag }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('abandon'), repo, uuid: fc.nat(3), daysAgo: fc.nat(14) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('multipart'),
      repo: fc.option(repo, { nil: undefined }),
      daysAgo: fc.nat(14),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reindex') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait'), hours: fc.nat(48) }) },
);

export const history: fc.Arbitrary<Step[]> = fc.array(step, { minLength: 1, maxLength: 40, size: 'max' });

export interface Generated {
  /** `<repository>@<digest>` of every manifest that an index run has seen. */
  readonly everIndexed: Set<string>;
}

/** Does it all, indexes the outcome, and lets an hour pass. */
export async function generate(world: World, steps: readonly Step[]): Promise<Generated> {
  const writer = new Writer(world);
  for (const step of steps) {
    world.clock.advance(SECOND);
    await writer.take(step);
  }
  await writer.reindex();
  world.clock.advance(HOUR);
  await world.reindex();
  return { everIndexed: writer.everIndexed };
}

const uuidOf = (number: number): string => `${String(number).repeat(8)}-0000-4000-8000-000000000000`;

/** Takes the steps one by one, as clients and the registry would. */
export class Writer {
  readonly everIndexed = new Set<string>();
  readonly #world: World;
  /** By repository; what was deleted since included. */
  readonly #pushed = new Map<string, Manifest[]>();
  #serial = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async reindex(): Promise<void> {
    await this.#world.reindex();
    for (const [name, manifests] of this.#pushed) {
      for (const { digest } of manifests) {
        const link = await this.#world.bucket.head(revisionKey(name, digest));
        if (link !== undefined) this.everIndexed.add(`${name}@${digest}`);
      }
    }
  }

  async take(step: Step): Promise<void> {
    const { registry, bucket, clock } = this.#world;
    switch (step.do) {
      case 'image': {
        const { repo, seed, format, tag } = step;
        const labels = LABELS.filter((_, at) => step.labels.includes(at));
        const manifest = image(`image ${seed}`, {
          format,
          layers: step.layers.map((at) => layer(`${at}`)),
          ...(labels.length === 0 ? {} : { labels }),
        });
        return await this.#push(repo, manifest, tag);
      }
      case 'index':
        return await this.#index(step);
      case 'referrer': {
        const subject = this.#pick(step.repo, step.of);
        const digest = step.missing || subject === undefined ? neverPushed('subject') : subject.digest;
        return await this.#push(step.repo, referrer(digest, `${step.of}`), step.tag);
      }
      case 'sign': {
        const subject = this.#pick(step.repo, step.of);
        const digest = step.never || subject === undefined ? neverPushed('signed') : subject.digest;
        return await this.#push(step.repo, signature(digest, `${step.seed}`), cosignTag(digest, step.suffix));
      }
      case 'cache':
        return await this.#push(step.repo, buildCache(step.layers.map((at) => layer(`${at}`))), step.tag);
      case 'schema1': {
        const manifest = schema1(
          'old',
          step.layers.map((at) => layer(`${at}`)),
          { team: 'core' },
        );
        return await this.#push(step.repo, manifest, step.tag);
      }
      case 'strange':
        return await this.#strange(step);
      case 'retag': {
        const manifest = this.#pick(step.repo, step.of);
        if (manifest === undefined) return;
        // The registry accepts a tag only by a PUT of the manifest, which writes the revision anew.
        return await this.#push(step.repo, manifest, step.tag);
      }
      case 'copy': {
        const manifest = this.#pick(step.from, step.of);
        if (manifest !== undefined) await this.#push(step.to, manifest, step.tag);
        return;
      }
      case 'mount': {
        const digest = digestOf(layer(`${step.layer}`));
        if ((await bucket.head(dataKey(digest))) !== undefined) registry.mount(step.to, digest);
        return;
      }
      case 'upload':
        await registry.upload(step.repo, layer(`${step.layer}`));
        return;
      case 'orphan': {
        const bytes = layer(`${step.layer}`);
        bucket.seed(dataKey(digestOf(bytes)), bytes);
        return;
      }
      case 'unlink':
        await bucket.deleteMany([layerKey(step.repo, digestOf(layer(`${step.layer}`)))]);
        return;
      case 'delete': {
        const manifest = this.#pick(step.repo, step.of);
        if (manifest !== undefined) await registry.deleteManifest(step.repo, manifest.digest);
        return;
      }
      case 'untag':
        return await registry.deleteTag(step.repo, step.tag);
      case 'abandon': {
        const at = new Date(clock.now() - step.daysAgo * DAY);
        const directory = uploadDirectory(step.repo, uuidOf(step.uuid));
        bucket.seed(`${directory}startedat`, 'then', at);
        bucket.seed(`${directory}data`, 'bytes', at);
        return;
      }
      case 'multipart': {
        const key =
          step.repo === undefined
            ? dataKey(neverPushed('moving'))
            : `${uploadDirectory(step.repo, uuidOf(9))}data`;
        bucket.seedMultipart(key, new Date(clock.now() - step.daysAgo * DAY), 10);
        return;
      }
      case 'reindex':
        return await this.reindex();
      case 'wait':
        clock.advance(step.hours * HOUR);
        return;
    }
  }

  async #index(step: Extract<Step, { do: 'index' }>): Promise<void> {
    const { repo, format, tag } = step;
    const children = step.children.flatMap((at) => this.#pick(repo, at) ?? []);
    const listed: { digest: Digest; mediaType: string }[] = [...children];
    const [first] = children;
    if (step.attested && first !== undefined) {
      const provenance = attestation(first.digest);
      await this.#push(repo, provenance, undefined);
      listed.push(provenance);
    }
    if (step.sparse) listed.push({ digest: neverPushed('platform'), mediaType: TYPES.ociManifest });
    const other = this.#pick(repo, step.children.length);
    const subject = step.subject === 'child' ? first : step.subject === 'other' ? other : undefined;
    const manifest = index(listed, { format, ...(subject === undefined ? {} : { subject: subject.digest }) });
    await this.#push(repo, manifest, tag);
  }

  async #strange({ repo, what, tag }: Extract<Step, { do: 'strange' }>): Promise<void> {
    const { registry, bucket } = this.#world;
    const seed = `${what} ${this.#serial++}`;
    if (what === 'unknown') {
      const names = (this.#pushed.get(repo) ?? []).slice(0, 2).map(({ digest }) => digest);
      return await this.#push(repo, unknown(seed, [...names, digestOf(layer('0'))]), tag);
    }
    if (what === 'malformed') return await this.#push(repo, malformed(seed), tag);
    const manifest = image(seed);
    if (what === 'missing-config') await registry.putManifest(repo, { ...manifest, blobs: [] }, tag);
    else await this.#push(repo, manifest, tag);
    if (what === 'corrupt') bucket.seed(dataKey(manifest.digest), 'not these bytes');
    if (what === 'missing-data') await bucket.deleteMany([dataKey(manifest.digest)]);
  }

  async #push(name: string, manifest: Manifest, tag: string | undefined): Promise<void> {
    await this.#world.registry.push(name, manifest, tag);
    const pushed = this.#pushed.get(name) ?? [];
    if (!pushed.some(({ digest }) => digest === manifest.digest)) pushed.push(manifest);
    this.#pushed.set(name, pushed);
  }

  /** A manifest that was pushed to the repository once; it may have been deleted since. */
  #pick(name: string, at: number): Manifest | undefined {
    const pushed = this.#pushed.get(name) ?? [];
    return pushed[at % Math.max(1, pushed.length)];
  }
}
