/** What must be true of a schedule that has come to rest, and after quiet runs. */
import { apply } from '../../lambdas/index/apply.ts';
import type { ObjectStore } from '../../lambdas/store/object-store.ts';
import { DAY, HOUR } from '../support/clock.ts';
import type { Digest } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { everIndexed } from '../support/live-registry.ts';
import { contentsOf, judge } from '../support/oracle.ts';
import { dataKey, layerKey, ROOT, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import type { World } from '../support/world.ts';
import { drift } from './drift.ts';
import type { Simulation } from './simulation.ts';

/** Rounds of a quiet run, a day apart, after which all must be as it will stay. */
const MOST_ROUNDS = 14;

/** @returns what is wrong; nothing if all is well. */
export async function settle(simulation: Simulation): Promise<string[]> {
  const { scheduler, witness, world } = simulation;
  const found = [...scheduler.recorder.violations, ...witness.unannounced.map(unannounced)];
  if (found.length > 0) return found;
  for (const { name, end, error } of scheduler.actors) {
    if (end === 'failed') found.push(`${name} failed: ${error instanceof Error ? error.stack : error}`);
    if (end === 'running') found.push(`${name} never ended`);
  }
  if (found.length > 0) return found;
  found.push(...countBytes(simulation));
  const wrong = simulation.definition.wrong?.(simulation.reports);
  if (wrong !== undefined) found.push(wrong);

  // What a dead run has left, the next one makes good; events may wait for that.
  const isLeft = scheduler.actors.some(({ name, end }) => end === 'crashed' && name.startsWith('run'));
  // What the indexer has seen, no run may touch, nor wait for the event of its own deletion to put it right. Of what it
  // has seen going the run has learned, and has brought it back.
  const isSeen = simulation.isSeen() && !isLeft && !(await isAnythingGoing(world));
  if (simulation.isIndexed() || isSeen) {
    const missing = await lacking(simulation, isSeen ? 'once it is seen' : 'once it is indexed');
    // A run that died between a link and its edge has left that to the link's own event.
    found.push(...missing.filter((line) => !isLeft || !line.includes('/_layers/')));
  }
  if (!isLeft) found.push(...(await lostLinks(simulation)));
  if (found.length > 0) return found;
  const waiting = await deliver(simulation);
  if (!waiting && !isLeft) {
    found.push(...(await lacking(simulation, 'at rest')));
    found.push(...(await drift(simulation)));
  }
  if (found.length > 0) return found;
  world.bucket.refusedDeletes.clear();
  const watched = (store: ObjectStore): ObjectStore =>
    intercept(witness.over(store), {
      before: async ({ operation, arguments: [keys] }) => {
        for (const key of operation === 'deleteMany' ? (keys as string[]) : []) {
          const isHidden = key.endsWith('/data') && (await world.bucket.head(key)) === undefined;
          if (isHidden) found.push(`a quiet run deletes hidden ${scheduler.recorder.short(key)}`);
        }
      },
    });
  for (let round = 0, quiet = 0; quiet < 3; round++) {
    if (round === MOST_ROUNDS) return ['the runs never come to an end'];
    world.clock.advance(DAY + HOUR);
    await world.beat();
    const witnessed = witness.unannounced.length;
    const name = `quiet run ${round + 1}`;
    const report = await world.prune(
      {},
      { objects: (guard) => watched(world.dependencies.objects(guard)), concurrency: 1 },
    );
    if (report.status !== 'completed') found.push(`${name} is ${report.status}`);
    found.push(...witness.unannounced.slice(witnessed).map(unannounced));
    const stillWaiting = await deliver(simulation);
    if (stillWaiting) found.push(`after ${name} events still wait`);
    found.push(...(await lacking(simulation, `after ${name}`)));
    if (found.length > 0) return found;
    const { manifests, blobs, links } = report;
    const idle = manifests.deleted + blobs.deleted + blobs.condemned + links.deleted === 0;
    quiet = idle ? quiet + 1 : 0;
  }
  return await atTheEnd(simulation);
}

const isAnythingGoing = async (world: World): Promise<boolean> =>
  (await world.items()).some(({ state }) => state === 'deleting');

const unannounced = (key: string): string => `deleted without a line in the journal: ${key}`;

/** What runs say that they have reclaimed is what they have deleted; one may finish and count what another began. */
function countBytes({ scheduler, reports }: Simulation): string[] {
  const reported = [...reports.values()].reduce((sum, { spaceReclaimed }) => sum + spaceReclaimed, 0);
  const gone = [...scheduler.recorder.gone].flatMap(([name, keys]) =>
    // Of a run that died or was cut off nobody has heard.
    [...keys.values()].map((one) => (reports.has(name) ? one : { ...one, isDoubtful: true })),
  );
  const most = gone.reduce((sum, { size }) => sum + size, 0);
  const least = gone.reduce((sum, { size, isDoubtful }) => sum + (isDoubtful ? 0 : size), 0);
  if (reported >= least && reported <= most) return [];
  return [`the runs report ${reported} bytes, ${least === most ? '' : `${least} to `}${most} are gone`];
}

const KINDS = ['blob', 'layer', 'revision', 'tag-history', 'tag', 'upload', 'unrecognised'];

/** All events that are on the way arrive. @returns whether any has to wait. */
async function deliver({ world, late, scheduler, definition }: Simulation): Promise<boolean> {
  const changed = scheduler.recorder;
  for (let round = 0; round < 8; round++) {
    const keys = [...late].map((key) => ({ key, parsed: world.layout.parse(key) }));
    keys.sort(
      (a, b) => KINDS.indexOf(a.parsed.kind) - KINDS.indexOf(b.parsed.kind) || (a.key < b.key ? -1 : 1),
    );
    let progress = false;
    for (const { key, parsed } of keys) {
      const outcome = await apply(world.index, parsed);
      if (outcome.status === 'lost') changed.violations.push(`${definition.name}: lost ${outcome.digests}`);
      if (outcome.status === 'retry') continue;
      late.delete(key);
      progress = true;
    }
    if (late.size === 0) return false;
    if (!progress) return true;
  }
  return true;
}

/** What a puller of a tagged image would miss. */
async function lacking({ world, definition, scheduler }: Simulation, when: string): Promise<string[]> {
  const { bucket } = world;
  const missing = new Set<string>();
  const has = async (key: string): Promise<boolean> => {
    if ((await bucket.head(key)) !== undefined) return true;
    missing.add(key);
    return false;
  };
  const whole = async (name: string, digest: Digest): Promise<void> => {
    await has(revisionKey(name, digest));
    if (!(await has(dataKey(digest)))) return;
    const body = new TextDecoder().decode((await bucket.get(dataKey(digest)))?.body);
    const { config, layers = [], manifests = [] } = JSON.parse(body) as Named;
    for (const blob of config === undefined ? layers : [config, ...layers]) {
      await has(layerKey(name, blob.digest));
      await has(dataKey(blob.digest));
    }
    for (const child of manifests) {
      await whole(name, child.digest);
    }
  };
  for (const [what, digest] of Object.entries(definition.tags)) {
    const [name = '', tag = ''] = what.split(':');
    const link = await bucket.get(tagLinkKey(name, tag));
    if (new TextDecoder().decode(link?.body) !== digest) missing.add(tagLinkKey(name, tag));
    await whole(name, digest as Digest);
  }
  return [...missing].map((key) => `${when}, a tagged image lacks ${scheduler.recorder.short(key)}`);
}

/** A link that the indexer has seen stays for the grace, needed or not. */
async function lostLinks({ world, scheduler: { recorder } }: Simulation): Promise<string[]> {
  const found: string[] = [];
  for (const [key, seenAt] of recorder.links) {
    if (seenAt + world.settings.grace <= world.clock.now()) continue;
    if ((await world.bucket.head(key)) === undefined)
      found.push(`though it was seen, ${recorder.short(key)} is gone`);
  }
  return found;
}

interface Named {
  readonly config?: { readonly digest: Digest };
  readonly layers?: readonly { readonly digest: Digest }[];
  readonly manifests?: readonly { readonly digest: Digest }[];
}

/** Nothing is left over, and nothing is under way. */
async function atTheEnd({ world, scheduler }: Simulation): Promise<string[]> {
  const found: string[] = [];
  for (const { pk, sk, state } of await world.items()) {
    if (state === 'deleting' || state === 'condemned')
      found.push(`${scheduler.recorder.short(`${pk} ${sk}`)} stays ${state}`);
  }
  const question = { now: world.clock.now(), everIndexed: await everIndexed(world) };
  const { garbage } = judge(await contentsOf(world.bucket), question);
  for (const key of garbage)
    if (key.startsWith(ROOT)) found.push(`garbage is never collected: ${scheduler.recorder.short(key)}`);
  return found;
}
