/** What was pushed to the generated registry: releases, repository by repository, oldest first. */
import { image, index, type Layer, layer, type Manifest, type Platform, referrer } from './images.ts';
import type { Random } from './random.ts';

export interface RegistrySize {
  /** Images, indexes, their children and referrers together. */
  readonly manifests: number;
  /** The share of releases that nothing holds any more. */
  readonly garbage: number;
}

/** What one push of a build leaves: an image, or an index with its children, and perhaps an SBOM. */
export interface Release {
  readonly repository: string;
  /** Pushed in this order: what is named before what names it. */
  readonly manifests: readonly Manifest[];
  /** The one a tag names: the index, or the image. */
  readonly top: Manifest;
  readonly garbage: boolean;
  /** Its own tag; a garbage release had only `main`, which has moved on. */
  readonly tag: string | undefined;
  readonly pushedAt: Date;
}

const PLATFORMS: readonly Platform[] = ['amd64', 'arm64', 'riscv64'].map((architecture) => ({
  architecture,
  os: 'linux',
}));
const MANIFESTS_PER_REPOSITORY = 500;
const BASE_IMAGES = 12;
const BASE_LAYERS = 5;
/** Builds that share one layer of dependencies. */
const BUILDS_PER_DEPENDENCIES = 10;
const MULTI_PLATFORM = 0.1;
const WITH_SBOM = 0.1;
const KB = 1024;
const MB = 1024 * KB;
const HOUR = 3_600_000;

/** @param until the last push, milliseconds since the epoch; the others are an hour apart before it. */
export function* releases({ manifests, garbage }: RegistrySize, random: Random, until: number) {
  const repositories = Math.max(1, Math.round(manifests / MANIFESTS_PER_REPOSITORY));
  const bases = Array.from({ length: BASE_IMAGES }, (_, base) => baseLayers(base, random));
  for (let at = 0; at < repositories; at++) {
    const share =
      Math.floor(((at + 1) * manifests) / repositories) - Math.floor((at * manifests) / repositories);
    // A repository has moved from one base image to the next at some time.
    const [older = [], newer = []] = [bases[at % BASE_IMAGES], bases[(at + 1) % BASE_IMAGES]];
    const name = `team-${at % 7}/service-${at}`;
    yield* repository({ name, share, garbage, older, newer, random, until });
  }
}

function baseLayers(base: number, random: Random): Layer[] {
  return Array.from({ length: BASE_LAYERS }, (_, step) =>
    layer(`base ${base} ${step}`, random.between(MB, 60 * MB)),
  );
}

function* repository(about: {
  readonly name: string;
  readonly share: number;
  readonly garbage: number;
  readonly older: readonly Layer[];
  readonly newer: readonly Layer[];
  readonly random: Random;
  readonly until: number;
}): Generator<Release> {
  const { name, share, garbage, older, newer, random, until } = about;
  let dependencies = layer(`${name} dependencies`, 10 * MB);
  let left = share;
  for (let build = 0; left > 0; build++) {
    if (build % BUILDS_PER_DEPENDENCIES === 0) {
      dependencies = layer(`${name} dependencies ${build}`, random.between(2 * MB, 40 * MB));
    }
    const pushedAt = new Date(until - left * HOUR);
    const base = left * 4 > share ? older : newer;
    const platforms = left > PLATFORMS.length && random.chance(MULTI_PLATFORM) ? PLATFORMS : [PLATFORMS[0]];
    const children = platforms.filter(isDefined).map((platform) => {
      const title = `${name} ${build} ${platform.architecture}`;
      const own = [`${title} code`, `${title} assets`].map((it) =>
        layer(it, random.between(10 * KB, 4 * MB)),
      );
      return { platform, manifest: image(title, platform, [...base, dependencies, ...own], pushedAt) };
    });
    const made = children.map(({ manifest }) => manifest);
    if (children.length > 1) made.push(index(children));
    const top = made.at(-1);
    if (top === undefined) return;
    if (left > made.length && random.chance(WITH_SBOM)) {
      made.push(referrer(top, layer(`${name} ${build} sbom`, random.between(KB, 200 * KB))));
    }
    const isGarbage = random.chance(garbage);
    const tag = isGarbage ? undefined : `v${build}`;
    yield { ...{ repository: name, manifests: made, top, garbage: isGarbage, tag, pushedAt } };
    left -= made.length;
  }
}

const isDefined = <T>(value: T | undefined): value is T => value !== undefined;
