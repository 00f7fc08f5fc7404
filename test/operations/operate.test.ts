import { beforeEach, describe, expect, it } from 'vitest';
import { type Answers, type Operator, operate } from '../../lambdas/operations/operate.ts';
import { type Action, parseOperation } from '../../lambdas/operations/payload.ts';
import { storePlan } from '../../lambdas/operations/plans.ts';
import { MAX_PLAN_BYTES, planText, sealPlan } from '../../lambdas/plan/document.ts';
import { ObjectTooLargeError } from '../../lambdas/store/object-store.ts';
import { MINUTE } from '../support/clock.ts';
import { image } from '../support/images.ts';
import { intercept } from '../support/intercept.ts';
import { World } from '../support/world.ts';

const PLANS = 'registry-prune/plans/';
const AT = `s3://registry/${PLANS}`;
const GARBAGE = image('garbage');

let world: World;

beforeEach(async () => {
  world = new World();
  await world.registry.push('team/app', GARBAGE, 'v1');
  await world.registry.push('team/app', image('in its stead'), 'v1');
  await world.reindex();
  await world.later();
});

function ask<A extends Action>(action: A, fields: object = {}, changes: Partial<Operator> = {}) {
  const end = world.clock.now() + 10 * MINUTE;
  const prune = world.dependencies;
  const operator: Operator = {
    ...{ prune, planPrefix: PLANS },
    ...{ deadlines: [end], deadline: end, ...changes },
  };
  const operation = parseOperation({ action, ...fields }, world.clock.date());
  return operate<A>(operator, operation as typeof operation & { readonly action: A }) as Promise<Answers[A]>;
}

const keysOfPlans = async () => (await world.bucket.list(PLANS)).objects.map(({ key }) => key);

describe('a plan', () => {
  it('is in the answer alone where no limit is set', async () => {
    const { plan, location, hash, totals } = await ask('plan');
    expect(plan?.manifests.map(({ digest }) => digest)).toEqual([GARBAGE.digest]);
    expect([location, hash, totals]).toEqual([undefined, plan?.hash, plan?.totals]);
    expect(await keysOfPlans()).toEqual([]);
  });

  it('is kept too, where one is', async () => {
    const { plan, location = '' } = await ask('plan', {}, { answerLimit: 1_000_000 });
    expect(location).toBe(`${AT}${plan?.id}.json`);
    const stored = await world.bucket.get(location.slice('s3://registry/'.length));
    expect(new TextDecoder().decode(stored?.body)).toBe(plan && planText(plan));
    expect(await ask('apply', { plan: location })).toMatchObject({ plan: { hash: plan?.hash } });
  });

  it('that is larger is kept alone, and told of', async () => {
    const answer = await ask('plan', {}, { answerLimit: 100 });
    expect(answer).not.toHaveProperty('plan');
    expect(answer).toMatchObject({ totals: { manifests: 1 }, repositories: [{ repository: 'team/app' }] });
    expect(await ask('apply', { plan: answer.location })).toMatchObject({ plan: { hash: answer.hash } });
  });

  it('that was not made is not kept', async () => {
    world = new World();
    const answer = await ask('plan', {}, { answerLimit: 1_000_000 });
    expect(Object.keys(answer)).toEqual(['report']);
    expect(answer.report.status).toBe('refused');
    expect(await keysOfPlans()).toEqual([]);
  });

  it('is never written over', async () => {
    const shelf = { ...world.dependencies, planPrefix: PLANS };
    const { plan } = await ask('plan');
    if (plan === undefined) throw new Error('no plan');
    const location = `${AT}november.json`;
    expect(await storePlan(shelf, plan, planText(plan), location)).toBe(location);
    const other = sealPlan({ ...plan, id: 'other' });
    await expect(storePlan(shelf, other, planText(other), location)).rejects.toMatchObject({
      name: 'InvalidPlanError',
      message: `there is something at ${location} already; plans are never written over`,
    });
    expect(await ask('apply', { plan: location })).toMatchObject({ plan: { hash: plan.hash } });
  });

  it('whose first answer was lost is kept once', async () => {
    const shelf = { ...world.dependencies, planPrefix: PLANS };
    const { plan } = await ask('plan');
    if (plan === undefined) throw new Error('no plan');
    expect(await storePlan(shelf, plan, planText(plan))).toBe(await storePlan(shelf, plan, planText(plan)));
    expect(await keysOfPlans()).toEqual([`${PLANS}${plan.id}.json`]);
  });
});

describe('is refused as a plan', () => {
  it.each([
    's3://other/registry-prune/plans/x.json',
    's3://registry/docker/registry/v2/x',
    's3://registry/registry-prune/journal/x',
    `${AT}`,
    `${AT}../journal/x.json`,
    '/etc/passwd',
    '',
  ])('what is at %j', async (plan) => {
    await expect(ask('apply', { plan })).rejects.toMatchObject({
      name: 'InvalidPlanError',
      message: `${JSON.stringify(plan)} is no place for plans of this registry: allowed are ${AT}<name>.json`,
    });
  });

  it('what is not there', async () => {
    await expect(ask('apply', { plan: `${AT}none.json` })).rejects.toMatchObject({
      name: 'InvalidPlanError',
      message: `there is no plan at ${AT}none.json`,
    });
  });

  it('what is there and is none', async () => {
    await world.bucket.put(`${PLANS}x.json`, 'no plan');
    await expect(ask('apply', { plan: `${AT}x.json` })).rejects.toMatchObject({
      name: 'InvalidPlanError',
      message: expect.stringMatching(/^it is no plan: /),
    });
  });

  it('what is too large, unread', async () => {
    let limit: unknown;
    const objects = intercept(world.bucket, {
      before: (call) => {
        if (call.operation !== 'get') return;
        limit = call.arguments[1];
        throw new ObjectTooLargeError('it has 300 MB');
      },
    });
    const prune = { ...world.dependencies, objects: () => objects };
    await expect(ask('apply', { plan: `${AT}x.json` }, { prune })).rejects.toMatchObject({
      name: 'InvalidPlanError',
      message: `the plan at ${AT}x.json is too large: it has 300 MB`,
    });
    expect(limit).toBe(MAX_PLAN_BYTES);
  });
});

it('there is no run of a name that none has', async () => {
  await expect(ask('run', { runId: 'none' })).rejects.toMatchObject({ name: 'UnknownRunError' });
  expect(await ask('runs')).toEqual([]);
  const { runId } = await ask('prune', {});
  expect(await ask('run', { runId })).toEqual((await ask('runs'))[0]);
  expect(await ask('status')).toEqual({ at: world.clock.date().toISOString(), lock: null, run: null });
});
