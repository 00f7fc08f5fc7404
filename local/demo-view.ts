/** The demo's registry, read from the bucket object by object. Shares no code with the product, to check it. */
import { GetObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import Table from 'cli-table3';
import pMap from 'p-map';
import { bytes } from '../cli/output.ts';
import { type Digest, digestOf, INDEX, SBOM, SIGNATURE, STATEMENT } from './demo-images.ts';
import { dataKey, ROOT } from './demo-registry.ts';

export interface Repository {
  readonly name: string;
  readonly revisions: Set<Digest>;
  readonly layers: Set<Digest>;
  readonly tags: Map<string, Digest>;
  /** Bytes of each unfinished upload. */
  readonly uploads: Map<string, number>;
}

export interface View {
  /** Every object below the registry's root. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
  readonly repositories: ReadonlyMap<string, Repository>;
}

export interface Described {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly digest: Digest;
}

export interface ManifestBody extends Partial<Described> {
  readonly config?: Described;
  readonly layers?: readonly Described[];
  readonly manifests?: readonly Described[];
  readonly subject?: Described;
}

const READS = 16;
const REPOSITORY_KEY =
  /^repositories\/(.+)\/(_manifests\/revisions|_manifests\/tags|_layers|_uploads)\/(.+)$/;

export async function readView(client: S3Client, bucket: string): Promise<View> {
  const keys: string[] = [];
  for (let token: string | undefined, more = true; more; more = token !== undefined) {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        Prefix: ROOT,
        ...(token ? { ContinuationToken: token } : {}),
      }),
    );
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    token = page.NextContinuationToken;
  }
  const read = async (key: string): Promise<[string, Uint8Array]> => {
    const { Body: body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return [key, (await body?.transformToByteArray()) ?? new Uint8Array()];
  };
  const objects = new Map(
    (await pMap(keys, read, { concurrency: READS })).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const repositories = new Map<string, Repository>();
  for (const [key, body] of objects) sort(repositories, key.slice(ROOT.length), body);
  return { objects, repositories };
}

function sort(repositories: Map<string, Repository>, key: string, body: Uint8Array): void {
  const [, name, kind, rest = ''] = REPOSITORY_KEY.exec(key) ?? [];
  if (name === undefined) return;
  const repository = repositories.get(name) ?? {
    ...{ name, revisions: new Set(), layers: new Set(), tags: new Map(), uploads: new Map() },
  };
  repositories.set(name, repository);
  const [first = ''] = rest.split('/');
  const link = new TextDecoder().decode(body) as Digest;
  if (kind === '_manifests/revisions') repository.revisions.add(link);
  else if (kind === '_layers') repository.layers.add(link);
  else if (kind === '_uploads')
    repository.uploads.set(first, (repository.uploads.get(first) ?? 0) + body.byteLength);
  else if (rest.endsWith('/current/link')) repository.tags.set(first, link);
}

/** A manifest whose bytes have its digest; undefined when they are absent or damaged. */
export function manifestOf(view: View, digest: Digest): ManifestBody | undefined {
  const found = view.objects.get(dataKey(digest));
  return found === undefined || digestOf(found) !== digest
    ? undefined
    : JSON.parse(new TextDecoder().decode(found));
}

export interface Row {
  readonly id: string;
  readonly cells: readonly string[];
}

/** One row for each manifest and upload: repository, tags, digest, kind, size. */
export function rowsOf(view: View): Row[] {
  return [...view.repositories.values()].flatMap(({ name, revisions, tags, uploads }) => {
    const tagsOf = (digest: Digest) => [...tags].flatMap(([tag, target]) => (target === digest ? tag : []));
    const manifests = [...revisions].map((digest) => {
      const named = tagsOf(digest).map(short).sort().reverse().join(', ');
      return {
        id: `${name}@${digest}`,
        cells: [name, named, short(digest), kindOf(view, digest), bytes(sizeOf(view, digest))],
      };
    });
    manifests.sort((a, b) => rank(a).localeCompare(rank(b)));
    const unfinished = [...uploads].map(([uuid, size]) => ({
      id: `${name}/_uploads/${uuid}`,
      cells: [name, '', uuid.slice(0, 8), 'unfinished upload', bytes(size)],
    }));
    return [...manifests, ...unfinished];
  });
}

/** Tagged ones first. */
const rank = ({ cells: [, tags, digest, kind] }: Row): string =>
  `${tags ? `0${tags}` : `1${kind}`} ${digest}`;

export const short = (name: string): string =>
  name.replace(/(sha256[:-])?([0-9a-f]{12})[0-9a-f]{52}/, '$1$2');

/** A table with no lines between its rows. */
export function rowsText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
  const colAligns = head.map((name) => (name === 'size' ? 'right' : 'left'));
  const made = new Table({ head: [...head], chars: none, colAligns, style: { head: [], border: [] } });
  made.push(...rows.map((row) => [...row]));
  return `${made.toString()}\n`;
}

function kindOf(view: View, digest: Digest): string {
  const body = manifestOf(view, digest);
  if (body === undefined) return 'damaged manifest';
  if (body.mediaType === INDEX) return `index of ${body.manifests?.length ?? 0}`;
  if (body.artifactType === SBOM) return 'SBOM, by subject';
  const types = (body.layers ?? []).map(({ mediaType }) => mediaType);
  if (types.includes(SIGNATURE)) return 'cosign signature';
  if (types.includes(STATEMENT)) return 'attestation';
  return `image, ${architectureOf(view, body)}`;
}

function architectureOf(view: View, { config }: ManifestBody): string {
  const found = config && view.objects.get(dataKey(config.digest));
  return found === undefined ? 'config missing' : JSON.parse(new TextDecoder().decode(found)).architecture;
}

/** Of the manifest and the blobs it names. */
function sizeOf(view: View, digest: Digest): number {
  const body = manifestOf(view, digest);
  const named = [body?.config, ...(body?.layers ?? [])].flatMap((described) => described?.digest ?? []);
  return [digest, ...named].reduce((sum, one) => sum + (view.objects.get(dataKey(one))?.byteLength ?? 0), 0);
}
