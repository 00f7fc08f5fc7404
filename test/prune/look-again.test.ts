import { describe, expect, it } from 'vitest';
import { holdsAgain, isFresh, subjectStands } from '../../lambdas/prune/look-again.ts';
import type { Doomed } from '../../lambdas/prune/plan-manifest.ts';
import type { Refusal } from '../../lambdas/prune/report.ts';
import { type HolderEdge, holderKey, manifestKey } from '../../lambdas/store/items.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { cosignTag, type Digest, image, index, type Manifest, neverPushed } from '../support/images.ts';
import { revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { runOf } from '../support/run-of.ts';
import { World } from '../support/world.ts';

const taken = image('taken');
const other = image('other');
const state = (of: 'live' | 'deleting' | 'deleted') => ({ state: of });

/** A manifest that was taken, and another one, both long at rest and without tags. */
async function world(): Promise<World> {
  const made = new World();
  for (const manifest of [taken, other]) await made.registry.push('app', manifest);
  await made.reindex();
  await made.later();
  await set(made, taken, state('deleting'));
  return made;
}

const set = async (made: World, { digest }: Manifest, fields: object) =>
  made.table.update(manifestKey('app', digest), { set: { ...fields } });

const hold = (made: World, edge: HolderEdge) =>
  made.table.write([{ put: { ...holderKey('app', taken.digest, edge), since: 1 } }]);

interface Look {
  readonly group?: readonly Digest[];
  /** Tags that go with it. */
  readonly tags?: readonly string[];
  readonly body?: object;
}

async function look(made: World, { group = [], tags = [], body = {} }: Look = {}) {
  const item = await made.metadata.manifest('app', taken.digest);
  if (item === undefined) throw new Error('no manifest');
  const refusals: Refusal[] = [];
  const halt = (refusal: Refusal) => void refusals.push(refusal);
  const run = { ...(await runOf(made, { ...body })), halt };
  const doomed: Doomed = { item, tags: tags.map((tag) => ({ tag, etag: 'x' })) };
  const held = await holdsAgain(run, doomed, new Set([taken.digest, ...group]));
  return { held, refusals };
}

const held = async (made: World, options?: Look) => (await look(made, options)).held;

describe('a revisions link', () => {
  it('holds when it was written within the grace period, to the millisecond', async () => {
    const made = await world();
    expect(await held(made)).toBe(false);
    const now = made.clock.now();
    const link = revisionKey('app', taken.digest);
    made.bucket.seed(link, taken.digest, new Date(now - DAY));
    expect(await held(made)).toBe(false);
    made.bucket.seed(link, taken.digest, new Date(now - DAY + 1));
    expect(await held(made)).toBe(true);
  });

  it('holds nothing when it is absent', async () => {
    const made = await world();
    await made.bucket.deleteMany([revisionKey('app', taken.digest)]);
    expect(await held(made)).toBe(false);
    expect(await held(made, { body: { mode: 'offline' } })).toBe(false);
    expect(isFresh(await runOf(made), undefined)).toBe(false);
  });

  it('ends an offline run when it is newer than the table knows', async () => {
    const made = await world();
    const body = { mode: 'offline' };
    expect(await look(made, { body })).toEqual({ held: false, refusals: [] });
    made.bucket.seed(revisionKey('app', taken.digest), taken.digest, made.clock.date());
    made.clock.advance(MINUTE);
    const at = new Date(made.clock.now() - MINUTE).toISOString();
    const { held, refusals } = await look(made, { body });
    expect(held).toBe(true);
    expect(refusals).toEqual([
      {
        code: 'pushes-arriving',
        message: expect.stringContaining(`app@${taken.digest} was pushed at ${at}, and the index`),
      },
    ]);
    // Online it is the grace period that tells.
    await made.later();
    expect(await look(made)).toEqual({ held: false, refusals: [] });
  });
});

describe('an index', () => {
  const list = index([taken]);
  const edge = { kind: 'index', digest: list.digest } as const;

  it('holds unless it is being deleted', async () => {
    const made = await world();
    await hold(made, edge);
    expect(await held(made)).toBe(true);
    await made.registry.push('app', list);
    await made.reindex();
    await made.later();
    expect(await held(made)).toBe(true);
    await set(made, list, state('deleted'));
    expect(await held(made)).toBe(true);
    await set(made, list, state('deleting'));
    expect(await held(made)).toBe(false);
  });

  it('does not hold what goes with it', async () => {
    const made = await world();
    await hold(made, edge);
    expect(await held(made, { group: [list.digest] })).toBe(false);
  });
});

describe('a subject', () => {
  it('holds while it is there, by the table or by the bucket', async () => {
    const made = await world();
    await hold(made, { kind: 'subject', digest: other.digest });
    expect(await held(made)).toBe(true);
    expect(await held(made, { group: [other.digest] })).toBe(false);
    await set(made, other, state('deleting'));
    expect(await held(made)).toBe(false);
    await set(made, other, state('deleted'));
    expect(await held(made)).toBe(true);
    await made.bucket.deleteMany([revisionKey('app', other.digest)]);
    expect(await held(made)).toBe(false);
    await set(made, other, state('live'));
    expect(await held(made)).toBe(true);
  });

  it('that nobody knows holds nothing', async () => {
    const run = await runOf(await world());
    expect(await subjectStands(run, 'app', neverPushed('subject'))).toBe(false);
  });
});

describe('a tag', () => {
  const tag = (name: string): HolderEdge => ({ kind: 'tag', tag: name });

  it('holds only if the bucket says that it names the manifest', async () => {
    const made = await world();
    await hold(made, tag('v1'));
    expect(await held(made)).toBe(false);
    made.registry.tag('app', other.digest, 'v1');
    expect(await held(made)).toBe(false);
    made.registry.tag('app', taken.digest, 'v1');
    expect(await held(made)).toBe(true);
    made.bucket.seed(tagLinkKey('app', 'v1'), 'no digest', made.clock.date());
    expect(await held(made)).toBe(true);
  });

  it('that it once had is looked at as well', async () => {
    const made = await world();
    made.registry.tag('app', taken.digest, 'once');
    expect(await held(made)).toBe(false);
    await set(made, taken, { taggedAs: ['never', 'once'] });
    expect(await held(made)).toBe(true);
  });

  it('that goes with it holds nothing', async () => {
    const made = await world();
    await hold(made, tag('v1'));
    await hold(made, tag('v2'));
    made.registry.tag('app', taken.digest, 'v1');
    expect(await held(made, { tags: ['v1'] })).toBe(false);
    made.registry.tag('app', taken.digest, 'v2');
    expect(await held(made, { tags: ['v1'] })).toBe(true);
    expect(await held(made, { tags: ['v1', 'v2'] })).toBe(false);
  });
});

describe('a cosign tag', () => {
  const name = cosignTag(other.digest);

  async function signed(): Promise<World> {
    const made = await world();
    await hold(made, { kind: 'tag', tag: name });
    made.registry.tag('app', taken.digest, name);
    return made;
  }

  it('holds while its subject is not about to go, or never was there', async () => {
    const made = await signed();
    expect(await held(made)).toBe(true);
    await set(made, other, state('deleting'));
    expect(await held(made)).toBe(false);
    await set(made, other, state('deleted'));
    expect(await held(made)).toBe(false);
    await made.table.write([{ remove: manifestKey('app', other.digest) }]);
    expect(await held(made)).toBe(true);
  });

  it('that came while its subject goes with the manifest holds it', async () => {
    const made = await signed();
    await set(made, other, state('deleting'));
    expect(await held(made, { group: [other.digest] })).toBe(true);
  });

  it('that goes with the manifest leaves it to its subject whether that holds', async () => {
    const made = await signed();
    const tags = [name];
    expect(await held(made, { tags })).toBe(true);
    expect(await held(made, { tags, group: [other.digest] })).toBe(false);
    await set(made, other, state('deleting'));
    expect(await held(made, { tags })).toBe(false);
  });
});
