/**
 * What was pushed to the generated registry: releases, repository by repository, oldest first. Each is made from the
 * seed and its own place alone, so that any of them can be made again when it is asked for.
 */

import { Random } from '../random.ts';
import { image, index, type Layer, layer, type Manifest, type Platform, referrer } from './images.ts';

/** Which release: the number of its repository, and of its build in there. */
export interface Place {
  readonly repository: number;
  readonly build: number;
}

/** What one push of a build leaves: an image, or an index with its children, and perhaps an SBOM. */
export interface Release extends Place {
  readonly name: string;
  /** Pushed in this order: what is named before what names it. */
  readonly manifests: readonly Manifest[];
  /** Images of one platform, which come first. */
  readonly images: number;
  /** Place of the one a tag names: the index, or the image. */
  readonly top: number;
  readonly tag: string;
  readonly pushedAt: Date;
}

export interface ReleaseOptions {
  readonly seed: number;
  /** When the first build of each repository was pushed, milliseconds since the epoch; the others follow hourly. */
  readonly since: number;
}

export const PLATFORMS: readonly Platform[] = ['amd64', 'arm64', 'riscv64'].map((architecture) => ({
  architecture,
  os: 'linux',
}));
export const IMAGES_PER_REPOSITORY = 500;
export const BASE_IMAGES = 12;
export const BASE_LAYERS = 5;
/** Builds that share one layer of dependencies. */
export const BUILDS_PER_DEPENDENCIES = 10;
/** Builds after which a repository has moved from one base image to the next. */
const BUILDS_ON_FIRST_BASE = 300;
export const OWN_LAYERS = ['code', 'assets', 'settings'];
const MULTI_PLATFORM = 0.1;
const WITH_SBOM = 0.1;
const KB = 1024;
const MB = 1024 * KB;
const HOUR = 3_600_000;

export const repositoryName = (repository: number): string => `team-${repository % 7}/service-${repository}`;
export const tagOf = ({ build }: Place): string => `v${build}`;
export const titleOf = ({ repository, build }: Place, { architecture }: Platform): string =>
  `${repositoryName(repository)} ${build} ${architecture}`;
export const pushedAt = ({ since }: Pick<ReleaseOptions, 'since'>, { build }: Place): number =>
  since + build * HOUR;

/** Which base image a release is built on. */
export const baseOf = ({ repository, build }: Place): number =>
  (repository + (build < BUILDS_ON_FIRST_BASE ? 0 : 1)) % BASE_IMAGES;

/** Another for each place, the same for the same seed. */
const chance = (seed: number, ...place: readonly number[]): Random =>
  new Random(
    place.reduce((mixed, number) => Math.imul(mixed ^ number, 0x9e3779b1) ^ (mixed >>> 15), seed + 1),
  );

/** @param share of releases that nothing holds any more. */
export const isUntagged = (seed: number, { repository, build }: Place, share: number): boolean =>
  chance(seed, -3, repository, build).chance(share);

export const baseLayers = (seed: number, base: number): Layer[] =>
  Array.from({ length: BASE_LAYERS }, (_, step) =>
    layer(`base ${base} ${step}`, chance(seed, -1, base, step).between(MB, 60 * MB)),
  );

/** Shared by ten builds in a row. */
export function dependenciesOf(seed: number, { repository, build }: Place): Layer {
  const first = build - (build % BUILDS_PER_DEPENDENCIES);
  const size = chance(seed, -2, repository, first).between(2 * MB, 40 * MB);
  return layer(`${repositoryName(repository)} dependencies ${first}`, size);
}

/** @param bases the layers of each base image. */
export function release(options: ReleaseOptions, bases: readonly Layer[][], place: Place): Release {
  const { seed } = options;
  const { repository, build } = place;
  const name = repositoryName(repository);
  const random = chance(seed, repository, build);
  const at = new Date(pushedAt(options, place));
  const shared = [...(bases[baseOf(place)] ?? []), dependenciesOf(seed, place)];
  const platforms = random.chance(MULTI_PLATFORM) ? PLATFORMS : PLATFORMS.slice(0, 1);
  const children = platforms.map((platform) => {
    const title = titleOf(place, platform);
    const own = OWN_LAYERS.map((it) => layer(`${title} ${it}`, random.between(10 * KB, 4 * MB)));
    return { platform, manifest: image(title, platform, [...shared, ...own], at) };
  });
  const manifests = children.map(({ manifest }) => manifest);
  if (children.length > 1) manifests.push(index(children));
  const top = manifests.length - 1;
  if (random.chance(WITH_SBOM)) {
    const subject = manifests[top];
    const sbom = layer(`${name} ${build} sbom`, random.between(KB, 200 * KB));
    if (subject !== undefined) manifests.push(referrer(subject, sbom));
  }
  const images = children.length;
  return { ...place, ...{ name, manifests, images, top, tag: tagOf(place), pushedAt: at } };
}
