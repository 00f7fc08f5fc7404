import { describe, expect, it } from 'vitest';
import { type BlobContext, decideBlob, type KnownBlob, planBlob } from '../../lambdas/prune/plan-blob.ts';
import { type BlobItem, type LinkEdge, referenceKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR } from '../support/clock.ts';
import { digestOf, image, layer } from '../support/images.ts';
import { runOf } from '../support/run-of.ts';
import { World } from '../support/world.ts';

const NOW = 1_000 * DAY;
const LONG_AGO = NOW - 100 * DAY;
const bytes = layer('shared');
const digest = digestOf(bytes);
const manifest = digestOf(layer('manifest'));

const link = (name: string, linkedAt = LONG_AGO): LinkEdge => ({ version: 1, name, linkedAt });
const gone = (name: string): LinkEdge => ({ ...link(name), removedAt: LONG_AGO });

/** A blob that has rested, of which nothing is known but what is given. */
function blob(item: Partial<BlobItem> = {}, edges: Partial<KnownBlob> = {}): KnownBlob {
  const known = { digest, version: 1, state: 'live', touchedAt: LONG_AGO, ...item } as const;
  return { item: known, links: [], references: [], complete: true, ...edges };
}

const decide = (view: KnownBlob, context: Partial<BlobContext> = {}) =>
  decideBlob(view, {
    ...{ now: NOW, grace: DAY, quarantine: 2 * DAY, mayDelete: true, mayTake: true },
    ...{ referencedIn: () => false, mayUnlink: () => true, ...context },
  });

const inForce = [{ name: 'app', manifest }];
const condemned = { state: 'condemned', condemnedAt: LONG_AGO } as const;

describe('grace', () => {
  it('is over when it has passed to the millisecond', () => {
    expect(decide(blob({ touchedAt: NOW - DAY }))).toEqual({ action: 'condemn' });
    expect(decide(blob({ touchedAt: NOW - DAY + 1 }))).toEqual({ action: 'keep', queue: { at: NOW + 1 } });
  });

  it('holds what is condemned as well', () => {
    expect(decide(blob({ ...condemned, touchedAt: NOW }))).toEqual({
      action: 'keep',
      queue: { at: NOW + DAY },
    });
  });
});

describe('a blob that nothing links', () => {
  it('is condemned when nothing references it, or not any more', () => {
    expect(decide(blob())).toEqual({ action: 'condemn' });
    const references = [{ name: 'app', manifest, removedAt: LONG_AGO }];
    expect(decide(blob({}, { references, links: [gone('app')] }))).toEqual({ action: 'condemn' });
  });

  it('is let go when a manifest references it', () => {
    expect(decide(blob({}, { references: inForce }))).toEqual({ action: 'keep', queue: 'unqueue' });
  });

  it('is left to another run when this one may not take it', () => {
    expect(decide(blob(), { mayTake: false })).toEqual({ action: 'keep', queue: 'leave' });
  });

  it('is let go all the same when it is referenced and this run may not take it', () => {
    expect(decide(blob({}, { references: inForce }), { mayTake: false })).toEqual({
      action: 'keep',
      queue: 'unqueue',
    });
  });
});

describe('the quarantine', () => {
  it('is over when it has passed to the millisecond', () => {
    expect(decide(blob({ ...condemned, condemnedAt: NOW - 2 * DAY }))).toEqual({ action: 'sweep' });
    expect(decide(blob({ ...condemned, condemnedAt: NOW - 2 * DAY + 1 }))).toEqual({
      action: 'keep',
      queue: { at: NOW + 1 },
    });
  });

  it('begins now where nobody noted when', () => {
    const { condemnedAt: _, ...unknown } = condemned;
    expect(decide(blob(unknown))).toEqual({ action: 'keep', queue: { at: NOW + 2 * DAY } });
  });

  it.each([{ mayDelete: false }, { mayTake: false }])('ends in nothing where %j', (context) => {
    expect(decide(blob(condemned), context)).toEqual({ action: 'keep', queue: 'leave' });
  });

  it('is not for a blob that is live, whatever is written in it', () => {
    expect(decide(blob({ ...condemned, state: 'live' }))).toEqual({ action: 'condemn' });
  });

  it('saves what has come to be referenced, or linked', () => {
    expect(decide(blob(condemned, { references: inForce }))).toEqual({ action: 'keep', queue: 'unqueue' });
    const links = [link('app')];
    expect(decide(blob(condemned, { links }))).toEqual({ action: 'unlink', links, next: 'condemn' });
  });
});

describe('stale links', () => {
  it('go, those in force and of repositories that do not reference the blob', () => {
    const view = blob({}, { links: [link('app'), link('web'), gone('old')], references: inForce });
    expect(decide(view, { referencedIn: (name) => name === 'app' })).toEqual({
      ...{ action: 'unlink', links: [link('web')], next: 'unqueue' },
    });
  });

  it('go when they have rested to the millisecond', () => {
    const ripe = link('app', NOW - DAY);
    expect(decide(blob({}, { links: [ripe] }))).toEqual({ action: 'unlink', links: [ripe], next: 'condemn' });
    expect(decide(blob({}, { links: [link('app', NOW - DAY + 1)] }))).toEqual({
      ...{ action: 'keep', queue: { at: NOW + 1 } },
    });
  });

  it('are waited for, the oldest of the young ones first', () => {
    const links = [link('a', NOW), link('b', NOW - HOUR), link('c')];
    expect(decide(blob({}, { links }))).toEqual({
      ...{ action: 'unlink', links: [link('c')], next: { at: NOW - HOUR + DAY } },
    });
  });

  it('stay where the run may not unlink them, and the blob is left to another run', () => {
    const links = [link('app'), link('web')];
    const onlyApp = { mayUnlink: (name: string) => name === 'app' };
    expect(decide(blob({}, { links }), onlyApp)).toEqual({
      ...{ action: 'unlink', links: [link('app')], next: 'leave' },
    });
    expect(decide(blob({}, { links: [link('web')] }), onlyApp)).toEqual({ action: 'keep', queue: 'leave' });
    // Referenced or not: the link is still to be seen to.
    expect(decide(blob({}, { links: [link('web')], references: inForce }), onlyApp)).toEqual({
      ...{ action: 'keep', queue: 'leave' },
    });
  });

  it('go though the blob itself may not be taken', () => {
    const links = [link('app')];
    expect(decide(blob({}, { links }), { mayTake: false })).toEqual({
      ...{ action: 'unlink', links, next: 'leave' },
    });
  });
});

describe('what is read for it', () => {
  /** A layer linked in `app` and `web`, and referenced in `app`, long at rest. */
  async function world(): Promise<World> {
    const made = new World();
    await made.registry.push('app', image('kept', { layers: [bytes] }), 'v1');
    made.registry.mount('web', digest);
    await made.reindex();
    await made.later();
    return made;
  }

  async function plan(made: World, complete: boolean, body = {}, policy = {}) {
    const view = await made.metadata.blob(digest);
    const { item } = view;
    if (item === undefined) throw new Error('no blob');
    // A view that is not complete may have read none of the references.
    const read = complete ? {} : { references: [] };
    return await planBlob(await runOf(made, body, policy), { ...view, item, ...read, complete });
  }

  it('is whether a repository references it, where not all references were read', async () => {
    const made = await world();
    for (const complete of [true, false]) {
      const decision = await plan(made, complete);
      expect(decision.action === 'unlink' && decision.links.map(({ name }) => name)).toEqual(['web']);
    }
  });

  it('is not a reference that was removed', async () => {
    const made = await world();
    const edge = { ...referenceKey(digest, 'web', manifest), since: 1, removedAt: 1 };
    await made.table.write([{ put: edge }]);
    expect(await plan(made, true)).toMatchObject({ action: 'unlink', links: [{ name: 'web' }] });
  });

  it('does not ask for references where all of them were read', async () => {
    const made = await world();
    const view = await made.metadata.blob(digest);
    const { item } = view;
    if (item === undefined) throw new Error('no blob');
    const decision = await planBlob(await runOf(made), { ...view, item, references: [], complete: true });
    expect(decision).toMatchObject({ action: 'unlink', links: [{ name: 'app' }, { name: 'web' }] });
  });

  it('does not unlink where something of the repository cannot be read, or that it is not asked about', async () => {
    const made = await world();
    expect(await plan(made, true, { repositories: ['app'] })).toEqual({ action: 'keep', queue: 'leave' });
    made.bucket.seed(`${made.layout.repositoryPrefix('web')}_manifests/tags/odd/current/link`, 'no digest');
    await made.reindex();
    await made.later();
    expect(await plan(made, true)).toEqual({ action: 'keep', queue: 'leave' });
  });

  it('takes its times and rights from the policy', async () => {
    const made = new World();
    await made.registry.upload('app', bytes);
    await made.reindex();
    await made.later();
    await made.prune();
    await made.later();
    expect(await plan(made, true)).toEqual({ action: 'sweep' });
    expect(await plan(made, true, {}, { mayDelete: false })).toEqual({ action: 'keep', queue: 'leave' });
    const at = made.clock.now() - 2 * DAY - HOUR + 30 * DAY;
    expect(await plan(made, true, {}, { quarantine: 30 * DAY })).toEqual({ action: 'keep', queue: { at } });
  });
});
