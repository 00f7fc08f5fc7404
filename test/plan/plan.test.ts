import { describe, expect, it, vi } from 'vitest';
import { type Plan, planText, readPlan } from '../../lambdas/plan/document.ts';
import { identityOf } from '../../lambdas/plan/make-plan.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import { blobKey, lockKey } from '../../lambdas/store/items.ts';
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import { digestOf, image, index, layer, referrer } from '../support/images.ts';
import { Crash, CrashError, intercept } from '../support/intercept.ts';
import { mayGo, plannedKeys } from '../support/planned-keys.ts';
import { dataKey, revisionKey, uploadDirectory } from '../support/registry-writer.ts';
import { PATIENCE } from '../support/runs.ts';
import { type Body, World, type WorldOptions } from '../support/world.ts';

vi.setConfig({ testTimeout: PATIENCE });

const base = layer('base');
const own = layer('own');
const kept = image('kept', { layers: [base] });
const child = image('child', { layers: [base, own] });
const list = index([child]);
const bill = referrer(list.digest, 'bill');

/** A tagged image, and an untagged index with a child and a referrer; all of it has rested. */
async function world(options: WorldOptions = {}): Promise<World> {
  const made = new World(options);
  await made.registry.push('app', kept, 'v1');
  await made.registry.push('app', child);
  await made.registry.push('app', list, 'v2');
  await made.registry.push('app', bill);
  await made.registry.push('app', kept, 'v2');
  await made.reindex();
  await made.later(DAY + HOUR);
  return made;
}

async function planOf(made: World, body: Body = {}): Promise<Plan> {
  const { plan } = await made.plan(body);
  if (plan === undefined) throw new Error('no plan');
  return plan;
}

const digests = (plan: Plan) => new Set(plan.manifests.map(({ digest }) => digest));

/** Applies it until nothing is pending. */
async function applyAll(made: World, plan: Plan): Promise<number> {
  let reclaimed = 0;
  for (let round = 0; round < 10; round++) {
    const report = await made.apply(plan);
    reclaimed += report.spaceReclaimed;
    if (report.plan?.nextAt === null) return reclaimed;
    await made.later(DAY + HOUR);
  }
  throw new Error('it does not end');
}

describe('what a plan names', () => {
  it('is what goes now and what follows from that, with reasons, sizes and names', async () => {
    const made = await world();
    const plan = await planOf(made);
    expect(digests(plan)).toEqual(new Set([list.digest, child.digest, bill.digest]));
    const index = plan.manifests.find(({ digest }) => digest === list.digest);
    expect(index).toMatchObject({ repository: 'app', reason: 'untagged', taggedAs: ['v2'], tags: [] });
    expect(plan.repositories).toMatchObject([{ repository: 'app', manifests: 3, tags: 0 }]);
    expect(plan.totals.bytes).toBe(plan.blobs.reduce((sum, { size }) => sum + size, 0));
    expect(plan.blobs.map(({ digest }) => digest)).not.toContain(kept.digest);
    expect(plan.request).toEqual({ filters: { dangling: ['true'] }, repositories: [], mode: 'online' });
  });

  it('leaves out what has not rested', async () => {
    const made = await world();
    const young = image('young', { layers: [layer('young')] });
    await made.registry.push('app', young);
    await made.reindex();
    const plan = await planOf(made);
    expect(digests(plan)).not.toContain(young.digest);
    // Nor does it go by the plan when it has.
    await applyAll(made, plan);
    expect(await made.bucket.head(revisionKey('app', young.digest))).toBeDefined();
  });

  it('has the tags that go, with the links that are meant', async () => {
    const made = await world();
    const plan = await planOf(made, { filters: { dangling: ['false'], label: ['none'] } });
    expect(plan.manifests).toEqual([]);
    const all = await planOf(made, { filters: { dangling: ['false'] } });
    const tagged = all.manifests.find(({ digest }) => digest === kept.digest);
    expect(new Set(tagged?.tags.map(({ tag }) => tag))).toEqual(new Set(['v1', 'v2']));
    for (const tag of tagged?.tags ?? []) expect(tag).toMatchObject({ etag: expect.any(String) });
  });

  it('fixes the moment that a duration counts back to', async () => {
    const made = await world();
    const plan = await planOf(made, { filters: { until: ['12h'] } });
    const until = new Date(made.clock.now() - 12 * HOUR).toISOString();
    expect(plan.request.filters['until']).toEqual([until]);
  });

  it('is none when a run would be refused', async () => {
    const made = await world();
    made.clock.advance(HOUR);
    const { plan, report } = await made.plan();
    expect(plan).toBeUndefined();
    expect(report).toMatchObject({ status: 'refused', refusals: [{ code: 'stale-index' }] });
  });
});

describe('an applied plan', () => {
  it('condemns now, sweeps later, and reclaims what it said', async () => {
    const made = await world();
    const plan = await planOf(made);
    const first = await made.apply(plan);
    expect(first).toMatchObject({ status: 'completed', spaceReclaimed: 0 });
    // Some of what the index holds goes with it, the rest once it has rested.
    const { deleted } = first.manifests;
    expect(deleted).toBeGreaterThan(0);
    expect(deleted).toBeLessThan(3);
    expect(first.plan).toMatchObject({
      hash: plan.hash,
      manifests: { planned: 3, gone: deleted, pending: 3 - deleted, dropped: 0 },
    });
    const next = Date.parse(first.plan?.nextAt ?? '') - made.clock.now();
    expect(next).toBeGreaterThanOrEqual(0);
    expect(next).toBeLessThanOrEqual(DAY);
    await made.later(DAY + HOUR);
    expect(await applyAll(made, plan)).toBe(plan.totals.bytes);
    const keys = await made.keys();
    expect([...plannedKeys(plan)].filter((key) => keys.has(key))).toEqual([]);
    expect(keys.has(dataKey(kept.digest))).toBe(true);
  });

  it('is told of by the run and by its event', async () => {
    const made = await world();
    const plan = await planOf(made);
    const { runId } = await made.apply(plan);
    const run = (await made.items()).find(({ pk, sk }) => pk === 'RUNS' && sk === runId);
    expect(run).toMatchObject({ plan: plan.hash, owner: 'test', status: 'completed' });
    expect(made.bus.events).toHaveLength(1);
  });

  it('may be tried first, and then changes nothing', async () => {
    const made = await world();
    const plan = await planOf(made, { mode: 'offline' });
    const [items, keys] = [await made.items(), await made.keys()];
    const report = await made.apply(plan, { dryRun: true });
    expect(report).toMatchObject({ dryRun: true, spaceReclaimed: plan.totals.bytes, plan: { nextAt: null } });
    expect(await made.items()).toEqual(items);
    expect(await made.keys()).toEqual(keys);
  });

  it('leaves garbage alone that came after it', async () => {
    const made = await world();
    const plan = await planOf(made);
    await made.registry.push('app', image('later', { layers: [layer('later')] }));
    await made.reindex();
    await made.later(DAY + HOUR);
    const before = await made.keys();
    await applyAll(made, plan);
    const after = await made.keys();
    const isNamed = mayGo(plan);
    expect([...before.keys()].filter((key) => !after.has(key) && !isNamed(key))).toEqual([]);
  });

  it.each([
    { title: 'a tag', change: (made: World) => made.registry.tag('app', list.digest, 'again') },
    { title: 'a push', change: (made: World) => made.registry.push('app', list) },
    { title: 'a tag that has moved on since', change: tagAndUntag },
  ])('drops a manifest that has gained $title, with what it needs', async ({ change }) => {
    const made = await world();
    const plan = await planOf(made);
    await change(made);
    await made.reindex();
    await made.later(DAY + HOUR);
    const report = await made.apply(plan);
    expect(report.manifests.deleted).toBe(0);
    const dropped = new Map(report.plan?.dropped.map(({ what, code }) => [what, code]));
    expect(dropped.get(`app@${list.digest}`)).toBe('changed');
    expect(report.plan?.manifests).toMatchObject({ gone: 0, dropped: 3 });
  });

  it('keeps a blob that another manifest has come to need', async () => {
    const made = await world();
    const plan = await planOf(made);
    await made.registry.push('web', image('new', { layers: [own] }), 'v1');
    await made.reindex();
    await made.later(DAY + HOUR);
    await applyAll(made, plan);
    const report = await made.apply(plan);
    expect(report.plan?.blobs.dropped).toBeGreaterThan(0);
    expect(report.plan?.dropped).toContainEqual(expect.objectContaining({ kind: 'blob', code: 'changed' }));
    expect(await made.bucket.head(dataKey(digestOf(own)))).toBeDefined();
  });

  it('drops everything of a repository in which something became unreadable', async () => {
    const made = await world();
    const plan = await planOf(made);
    made.bucket.seed(dataKey(bill.digest), 'not these bytes');
    const odd = image('odd');
    await made.registry.push('app', odd);
    made.bucket.seed(dataKey(odd.digest), 'nor these');
    await made.reindex();
    await made.later(DAY + HOUR);
    const report = await made.apply(plan);
    expect(report).toMatchObject({ manifests: { deleted: 0 }, spaceReclaimed: 0 });
    expect(report.plan?.dropped.map(({ code }) => code)).toContain('unreadable');
  });
});

async function tagAndUntag(made: World): Promise<void> {
  made.registry.tag('app', list.digest, 'again');
  await made.reindex();
  await made.registry.deleteTag('app', 'again');
}

it('a run ends well though it cannot tell what has become of its plan', async () => {
  const made = await world();
  const plan = await planOf(made, { mode: 'offline' });
  // Whatever is read when everything is done.
  let isDone = false;
  const table = intercept(made.table, {
    before: ({ operation, arguments: [keys] }) => {
      if (isDone && operation === 'getMany' && Array.isArray(keys)) throw new Error('the table is on fire');
    },
    after: ({ operation }) => {
      isDone ||= operation === 'due';
    },
  });
  const objects: PruneDependencies['objects'] = (guard) =>
    intercept(made.dependencies.objects(guard), {
      after: ({ operation }) => {
        isDone ||= operation === 'multipartUploads';
      },
    });
  const report = await made.apply(plan, {}, { table, objects });
  expect(report).toMatchObject({ status: 'partial', spaceReclaimed: plan.totals.bytes });
  expect(report.plan).toBeUndefined();
  expect(report.refusals).toContainEqual({
    code: 'failed',
    message: 'what has become of the plan cannot be told: the table is on fire',
  });
  expect(made.bus.events).toHaveLength(1);
  expect(await made.table.get(lockKey)).toMatchObject({ expiresAt: 0 });
});

it('a blob in a shape not known is told of, and the others are', async () => {
  const made = await world();
  const plan = await planOf(made, { mode: 'offline' });
  const [first] = plan.blobs;
  if (first === undefined) throw new Error('no blob');
  await made.table.update(blobKey(first.digest), { set: { state: 'odd' } });
  const report = await made.apply(plan);
  expect(report.plan?.dropped).toContainEqual(
    expect.objectContaining({ kind: 'blob', what: first.digest, code: 'unreadable' }),
  );
  expect(await made.table.get(lockKey)).toMatchObject({ expiresAt: 0 });
});

it('an upload that was gone on with since it was planned stays', async () => {
  const made = await world();
  const name = `${uploadDirectory('app', '11111111-0000-4000-8000-000000000000')}`;
  made.bucket.seed(`${name}startedat`, 'then', new Date(made.clock.now() - 8 * DAY));
  made.bucket.seed(`${name}data`, 'bytes', new Date(made.clock.now() - 8 * DAY));
  await made.reindex();
  const plan = await planOf(made);
  expect(plan.uploads).toHaveLength(1);
  made.bucket.seed(`${name}data`, 'more bytes', made.clock.date());
  await made.reindex();
  await made.later(8 * DAY);
  const report = await made.apply(plan);
  expect(report.uploads.deleted).toBe(0);
  expect(await made.bucket.head(`${name}data`)).toBeDefined();
});

describe('a crash while a plan is applied', () => {
  const killedBy = (made: World, crash: Crash): Partial<PruneDependencies> => ({
    table: crash.over(made.table),
    objects: (guard) => crash.over(made.dependencies.objects(guard)),
    bus: crash.over(made.bus),
  });

  it.each(['before', 'after'] as const)(
    'is made good by applying it again, %s whichever call',
    async (when) => {
      const whole = await world();
      const crash = new Crash();
      const planned = await planOf(whole, { mode: 'offline' });
      await whole.apply(planned, {}, killedBy(whole, crash));
      const left = [...(await whole.keys()).keys()];
      expect(crash.calls).toBeGreaterThan(100);
      for (let at = 1; at <= crash.calls; at += 5) {
        const made = await world();
        const plan = await planOf(made, { mode: 'offline' });
        await made.apply(plan, {}, killedBy(made, new Crash(at, when))).catch((error: unknown) => {
          expect(error).toBeInstanceOf(CrashError);
        });
        made.clock.advance(30 * MINUTE);
        await made.beat();
        const report = await made.apply(plan);
        const place = `${when} call ${at} of ${crash.calls}`;
        expect(report.status, place).toBe('completed');
        expect([...(await made.keys()).keys()], place).toEqual(left);
        expect(report.plan, place).toMatchObject({ nextAt: null, dropped: [] });
      }
    },
  );

  it('of another run leaves what is not in the plan to the next prune', async () => {
    const made = await world();
    const plan = await planOf(made, { repositories: ['none'] });
    expect(plan.totals).toMatchObject({ manifests: 0 });
    const at = 40;
    await made.prune({}, killedBy(made, new Crash(at, 'after'))).catch(() => {});
    await made.later(DAY);
    const before = await made.keys();
    await made.apply(plan);
    expect((await made.keys()).size).toBeGreaterThanOrEqual(before.size);
    await made.later(DAY + HOUR);
    await made.reindexAndPrune();
    expect((await made.items()).filter(({ state }) => state === 'deleting')).toEqual([]);
  });
});

describe('the document', () => {
  it('is the same in any layout', async () => {
    const made = await world();
    const plan = await planOf(made, { filters: { dangling: ['false'] } });
    const registry = await identityOf(made.dependencies);
    expect(readPlan(planText(plan), registry, made.clock.now())).toEqual(plan);
    expect(readPlan(JSON.stringify(plan), registry, made.clock.now())).toEqual(plan);
    expect(readPlan(JSON.stringify(plan, null, 4), registry, made.clock.now())).toEqual(plan);
    const { hash, ...body } = plan;
    expect(readPlan({ hash, ...body }, registry, made.clock.now())).toEqual(plan);
    const turned = Object.fromEntries(Object.entries(plan).reverse());
    const rows = plan.blobs.map((row) => Object.fromEntries(Object.entries(row).reverse()));
    expect(readPlan({ ...turned, blobs: rows }, registry, made.clock.now())).toEqual(plan);
  });

  it('has an entry a line', async () => {
    const plan = await planOf(await world());
    const lines = planText(plan).split('\n');
    for (const { digest } of plan.blobs)
      expect(lines.filter((line) => line.includes(`{"digest":"${digest}"`))).toHaveLength(1);
  });

  it('is refused when any of it was changed, added or taken away', async () => {
    const made = await world();
    const plan = await planOf(made, { filters: { dangling: ['false'] } });
    const registry = await identityOf(made.dependencies);
    const edited = [...edits(plan)];
    expect(edited.length).toBeGreaterThan(100);
    for (const one of edited)
      expect(() => readPlan(one, registry, made.clock.now()), JSON.stringify(one).slice(0, 200)).toThrow(
        expect.objectContaining({ name: 'InvalidPlanError' }),
      );
  });

  it.each([
    ['', /^it is no plan: /],
    ['[]', /^it is no plan: a plan is a JSON object/],
    ['{}', /^it is no plan: kind is absent, and must be "registry-prune\/plan"$/],
    [
      '{"kind":"registry-prune/plan","schemaVersion":"2.0"}',
      /^the plan's schemaVersion is "2.0": this version reads "1.0"$/,
    ],
    ['{"kind":"registry-prune/plan","schemaVersion":"1.0"}', /^the plan was edited: its hash is undefined/],
  ])('is none: %s', async (text, message) => {
    const registry = { bucket: 'registry', prefix: 'docker/registry/v2/', index: 'one' };
    expect(() => readPlan(text, registry, 0)).toThrow(message);
  });

  it.each([
    { bucket: 'other', prefix: 'docker/registry/v2/', index: 'one' },
    { bucket: 'registry', prefix: 'deep/docker/registry/v2/', index: 'one' },
  ])('is refused by another registry: %j', async (registry) => {
    const made = await world();
    const plan = await planOf(made);
    expect(() => readPlan(planText(plan), registry, made.clock.now())).toThrow(
      /^the plan is another registry's: of registry\/docker/,
    );
  });
});

describe('a plan that is out of date', () => {
  it('is refused after as long as a deletion is remembered', async () => {
    const made = await world();
    const plan = await planOf(made);
    const registry = await identityOf(made.dependencies);
    const made90 = Date.parse(plan.createdAt) + 90 * DAY;
    expect(readPlan(plan, registry, made90)).toEqual(plan);
    expect(() => readPlan(plan, registry, made90 + 1)).toThrow(
      /^the plan was made at .*: allowed are 90 days/,
    );
  });

  it('is refused when the table was built anew: nothing it has counted is known there', async () => {
    const made = await world();
    const plan = await planOf(made);
    const anew = new World();
    await anew.reindex();
    const registry = await identityOf({ ...made.dependencies, table: anew.table });
    expect(() => readPlan(plan, { ...registry, index: 'another' }, made.clock.now())).toThrow(
      'the metadata table was built anew since the plan was made; make a new plan',
    );
  });

  it('drops what an undo has brought back', async () => {
    const made = await world();
    const lone = await made.registry.upload('app', layer('lone'));
    await made.reindex();
    await made.later(DAY + HOUR);
    const plan = await planOf(made, { mode: 'offline' });
    expect(plan.blobs.map(({ digest }) => digest)).toContain(lone);
    const { runId } = await made.apply(plan);
    await made.restore(runId);
    await made.later(DAY + HOUR);
    const report = await made.apply(plan);
    expect(report).toMatchObject({ spaceReclaimed: 0, manifests: { deleted: 0 } });
    expect(await made.bucket.head(dataKey(lone))).toBeDefined();
  });
});

/** The value with one thing in it different, for each of its parts. */
function* edits(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (const [at, part] of value.entries()) {
      yield value.toSpliced(at, 1);
      for (const edited of edits(part)) yield value.with(at, edited);
    }
    yield [...value, 'more'];
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, part] of Object.entries(value)) {
      const { [name]: _, ...rest } = value as Record<string, unknown>;
      yield rest;
      for (const edited of edits(part)) yield { ...value, [name]: edited };
    }
    yield { ...value, more: 1 };
  } else if (typeof value === 'number') yield value + 1;
  else yield `${String(value)}x`;
}
