import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RegistryClient, sha256 } from './client.ts';
import {
  type Artifact,
  attestation,
  buildCache,
  image,
  index,
  layer,
  manifestList,
  pushArtifact,
  referrer,
  seededBytes,
  signature,
  utf8,
  writeOciLayout,
} from './images.ts';
import { skopeoPush } from './skopeo.ts';

export interface ScenarioOptions {
  /**
   * Runs after all pushes and before the manifests are deleted through the API: an index that is to know what once
   * existed has to look at the bucket here.
   */
  readonly beforeRemovals?: () => Promise<void>;
}

export interface Scenario {
  /** Every tag that has to be there after a prune, and what it names. */
  readonly tagged: readonly Named[];
  /** Tags of signatures and referrers whose subject is dead: there before a prune, gone after it. */
  readonly deadTags: readonly Named[];
  /** Untagged manifests that something live holds. */
  readonly liveManifests: readonly Held[];
  /** Manifests that are still in the registry and that nothing live holds. */
  readonly deadManifests: readonly Held[];
  /** Manifests deleted through the API before the prune. */
  readonly removedManifests: readonly Held[];
  /** Blobs no live manifest names, manifests left out. */
  readonly deadBlobs: readonly string[];
  /** A blob with a link in a repository that does not need it, alive because another one does. */
  readonly staleLink: Held;
  readonly abandonedUpload: { readonly repo: string; readonly uuid: string };
  /** What a full pull cannot fetch, because a client deleted it: `repo:tag digest`. */
  readonly missing: { readonly before: readonly string[]; readonly after: readonly string[] };
  /** `repo@digest` of everything ever pushed as a manifest. */
  readonly everExisted: ReadonlySet<string>;
}

export interface Named extends Held {
  readonly tag: string;
}

export interface Held {
  readonly repo: string;
  readonly digest: string;
}

const base = layer('base', 6_000);
const image1 = image({ layers: [base, layer('app 1')], labels: { team: 'core', version: '1' } });
const image2 = image({ layers: [base, layer('app 2')], labels: { team: 'core', version: '2' } });

/** A registry with one of everything a collector can get wrong. Deterministic but for what skopeo converts. */
export async function buildScenario(
  registryUrl: string,
  client: RegistryClient,
  options: ScenarioOptions = {},
): Promise<Scenario> {
  const notes = notebook(client);
  const layouts = await mkdtemp(join(tmpdir(), 'registry-prune-oci-'));
  try {
    await pushWithSkopeo(new URL(registryUrl).host, layouts, notes);
  } finally {
    await rm(layouts, { recursive: true, force: true });
  }
  await pushRetagged(notes);
  await pushReferrers(notes);
  await pushCycles(notes);
  await pushLists(notes);
  await pushOddities(notes);
  const staleLink = await mountAcross(client, notes);
  const loose = await client.pushBlob('team/app', layer('never referenced'), { chunks: 3 });
  notes.deadBlobs.add(loose);
  const uuid = await client.startUpload('team/uploads', seededBytes('abandoned', 3_000));

  const removals = await pushRemovals(notes);
  await options.beforeRemovals?.();
  for (const { repo, digest } of removals) await client.deleteManifest(repo, digest);

  return { ...notes.facts(), staleLink, abandonedUpload: { repo: 'team/uploads', uuid } };
}

type Notebook = ReturnType<typeof notebook>;

function notebook(client: RegistryClient) {
  const tagged: Named[] = [];
  const deadTags: Named[] = [];
  const liveManifests: Held[] = [];
  const deadManifests: Held[] = [];
  const removedManifests: Held[] = [];
  const deadBlobs = new Set<string>();
  const missing = { before: [] as string[], after: [] as string[] };
  const everExisted = new Set<string>();

  const exists = (repo: string, item: Artifact) => {
    everExisted.add(`${repo}@${item.digest}`);
    for (const child of item.children) exists(repo, child);
  };
  const push = async (repo: string, item: Artifact, tag?: string) => {
    await pushArtifact(client, repo, item, tag);
    exists(repo, item);
  };
  const children = (repo: string, item: Artifact, into: Held[]) => {
    for (const child of item.children) {
      if (!into.some((held) => held.repo === repo && held.digest === child.digest)) {
        into.push({ repo, digest: child.digest });
      }
    }
  };
  return {
    exists,
    push,
    deadBlobs,
    missing,
    tag: async (repo: string, tag: string, item: Artifact) => {
      await push(repo, item, tag);
      tagged.push({ repo, tag, digest: item.digest });
      children(repo, item, liveManifests);
    },
    noteTag: (repo: string, tag: string, digest: string, item?: Artifact) => {
      everExisted.add(`${repo}@${digest}`);
      tagged.push({ repo, tag, digest });
      if (item === undefined) return;
      exists(repo, item);
      children(repo, item, liveManifests);
    },
    live: async (repo: string, item: Artifact) => {
      await push(repo, item);
      liveManifests.push({ repo, digest: item.digest });
    },
    /** Pushed under a tag that something else takes afterwards, or under none. */
    dead: async (repo: string, item: Artifact, ownBlobs: readonly Uint8Array[], tag?: string) => {
      await push(repo, item, tag);
      deadManifests.push({ repo, digest: item.digest });
      for (const bytes of ownBlobs) deadBlobs.add(sha256(bytes));
    },
    deadTag: async (repo: string, tag: string, item: Artifact, ownBlobs: readonly Uint8Array[]) => {
      await push(repo, item, tag);
      deadTags.push({ repo, tag, digest: item.digest });
      deadManifests.push({ repo, digest: item.digest });
      for (const bytes of ownBlobs) deadBlobs.add(sha256(bytes));
    },
    remove: async (repo: string, item: Artifact, ownBlobs: readonly Uint8Array[], tag?: string) => {
      await push(repo, item, tag);
      removedManifests.push({ repo, digest: item.digest });
      for (const bytes of ownBlobs) deadBlobs.add(sha256(bytes));
      return { repo, digest: item.digest };
    },
    facts: () => ({
      tagged,
      deadTags,
      liveManifests,
      deadManifests,
      removedManifests,
      deadBlobs: [...deadBlobs],
      missing: { before: missing.before.toSorted(), after: missing.after.toSorted() },
      everExisted,
    }),
  };
}

/** What users push: OCI images, a Docker image, an index with provenance, a repository below another one's name. */
async function pushWithSkopeo(host: string, directory: string, notes: Notebook): Promise<void> {
  const docker = image({ layers: [base, layer('docker')], labels: { team: 'web' } });
  const nested = image({ layers: [base, layer('worker')] });
  const amd64 = image({ layers: [base, layer('attested amd64')] });
  const arm64 = image({ layers: [layer('attested arm64')], architecture: 'arm64' });
  const attested = index([amd64, arm64, attestation(amd64), attestation(arm64)]);
  await writeOciLayout(directory, { v1: image1, v2: image2, docker, nested, attested });

  const push = async (tag: string, repo: string, as: string, item: Artifact, all = false) => {
    const digest = await skopeoPush(directory, tag, `${host}/${repo}:${as}`, { all });
    notes.noteTag(repo, as, digest, item);
  };
  await push('v1', 'team/app', 'v1', image1);
  await push('v2', 'team/app', 'v2', image2);
  await push('nested', 'team/app/worker', '1.0', nested);
  await push('attested', 'library/attested', '1.0', attested, true);
  // Converted on the way, so only the registry knows its digest.
  const converted = await skopeoPush(directory, 'docker', `${host}/library/docker:1.0`, { format: 'v2s2' });
  notes.noteTag('library/docker', '1.0', converted);
}

/** `latest` first names one image and then another; the first also gets a referrer and a signature. */
async function pushRetagged(notes: Notebook): Promise<void> {
  const own = [layer('old 1', 4_000), layer('old 2')];
  const old = image({ layers: [base, ...own], labels: { version: '0' } });
  await notes.dead('team/app', old, [...own, old.config], 'latest');
  await notes.tag('team/app', 'latest', image2);

  const bom = utf8('bill of materials of the old image');
  await notes.dead('team/app', referrer(old, bom), [bom]);
  const signed = signature(old);
  await notes.deadTag('team/app', signed.tag, signed, signed.blobs);
}

/** Referrers of an image that lives, with and without the tags older clients make for them. */
async function pushReferrers(notes: Notebook): Promise<void> {
  const bom = referrer(image1, utf8('bill of materials of v1'));
  await notes.live('team/app', bom);
  await notes.live('team/app', referrer(bom, utf8('signature of the bill of materials')));
  await notes.tag('team/app', image1.digest.replace(':', '-'), index([bom]));
  const signed = signature(image2);
  await notes.tag('team/app', signed.tag, signed);
  // Nothing with this digest was ever here, so the tag is a tag like any other.
  const elsewhere = image({ layers: [layer('signed elsewhere')] });
  const alone = signature(elsewhere);
  await notes.tag('library/signatures', alone.tag, alone);
}

/** An index that lists its own subject: each holds the other, and only a tag can tell whether they live. */
async function pushCycles(notes: Notebook): Promise<void> {
  for (const live of [true, false]) {
    const own = layer(`cycle ${live}`);
    const subject = image({ layers: [own] });
    const bytes = utf8(
      JSON.stringify({
        ...JSON.parse(new TextDecoder().decode(index([subject]).bytes)),
        subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.bytes.length },
      }),
    );
    const cycle: Artifact = { ...index([subject]), bytes, digest: sha256(bytes), children: [] };
    if (live) {
      await notes.tag('team/cycle', 'live', subject);
      await notes.live('team/cycle', cycle);
    } else {
      await notes.dead('team/cycle', subject, [own, subject.config]);
      await notes.dead('team/cycle', cycle, []);
    }
  }
}

/** A Docker manifest list and an OCI index, each replaced by one that keeps a single child of the old. */
async function pushLists(notes: Notebook): Promise<void> {
  for (const format of ['docker', 'oci'] as const) {
    const repo = `team/multi-${format}`;
    const child = (name: string, architecture: string) =>
      image({ layers: [base, layer(`${format} ${name}`)], architecture, format });
    const list = format === 'docker' ? manifestList : index;
    const kept = child('kept', 'amd64');
    const dropped = child('dropped', 'arm64');
    const fresh = child('fresh', 'arm64');
    await notes.push(repo, kept);
    await notes.dead(
      repo,
      dropped,
      dropped.blobs.filter((bytes) => bytes !== base),
    );
    await notes.dead(repo, list([kept, dropped]), [], '1.0');
    await notes.tag(repo, '1.0', list([kept, fresh]));
  }
}

async function pushOddities(notes: Notebook): Promise<void> {
  const cached = [layer('cache 1'), layer('cache 2')];
  await notes.tag('cache/buildkit', 'main', buildCache(cached));
}

/** The same image in a second repository by mounts alone, and one mounted blob that nothing there needs. */
async function mountAcross(client: RegistryClient, notes: Notebook): Promise<Held> {
  const mount = async (digest: string) => {
    if (!(await client.mountBlob('mirror', digest, 'team/app'))) throw new Error(`${digest} was not mounted`);
  };
  for (const bytes of image1.blobs) await mount(sha256(bytes));
  await notes.tag('mirror', 'v1', image1);
  const unneeded = sha256(layer('app 2'));
  await mount(unneeded);
  return { repo: 'mirror', digest: unneeded };
}

/** Pushes what is deleted through the API later: an image with company, a whole repository, a child of an index. */
async function pushRemovals(notes: Notebook): Promise<Held[]> {
  const own = layer('gone', 5_000);
  const gone = image({ layers: [base, own], labels: { version: 'gone' } });
  const removals = [await notes.remove('team/app', gone, [own, gone.config], 'gone')];

  const bom = utf8('bill of materials of the image that goes');
  const referring = referrer(gone, bom);
  await notes.dead('team/app', referring, [bom]);
  const fallback = gone.digest.replace(':', '-');
  await notes.deadTag('team/app', fallback, index([referring]), []);
  const signed = signature(gone);
  await notes.deadTag('team/app', signed.tag, signed, signed.blobs);
  notes.missing.before.push(`team/app:${fallback} ${gone.digest}`);

  const only = image({ layers: [layer('only')] });
  removals.push(await notes.remove('team/empty', only, only.blobs, 'v1'));

  const stays = image({ layers: [base, layer('sparse stays')] });
  const goes = image({ layers: [base, layer('sparse goes')], architecture: 'arm64' });
  await notes.push('team/sparse', stays);
  removals.push(
    await notes.remove(
      'team/sparse',
      goes,
      goes.blobs.filter((bytes) => bytes !== base),
    ),
  );
  const sparse = index([stays, goes]);
  await notes.push('team/sparse', sparse, '1.0');
  notes.noteTag('team/sparse', '1.0', sparse.digest, { ...sparse, children: [stays] });
  notes.missing.before.push(`team/sparse:1.0 ${goes.digest}`);
  notes.missing.after.push(`team/sparse:1.0 ${goes.digest}`);
  return removals;
}
