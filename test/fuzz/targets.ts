/** What is fuzzed: every reader of what comes from outside, and what follows from a manifest. */
import assert from 'node:assert/strict';
import { InvalidPlanError, type PlanBody, sealPlan } from '../../lambdas/plan/document.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { checkBatch, checkHeartbeat } from '../hostile/batches.ts';
import { GROWING, HIDING, TEXTS } from '../hostile/corpus.ts';
import { checkConfig, checkManifest } from '../hostile/documents.ts';
import { expectCleanPrototypes } from '../hostile/pollution.ts';
import {
  checkEnvelope,
  checkFilters,
  checkJournal,
  checkKey,
  checkMessage,
  checkOperation,
  checkPlan,
  checkRequest,
  checkSubjectText,
  jsonIn,
  read,
} from '../hostile/properties.ts';
import * as samples from '../hostile/samples.ts';
import { damageTo, infest, populate } from '../hostile/victim.ts';
import { event } from '../notifications/envelopes.ts';
import { digest, everyDocument } from '../registry/documents.ts';
import { DAY } from '../support/clock.ts';
import { watchDeletions } from '../support/planned-keys.ts';
import { ROOT } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';
import type { Target } from './fuzz.ts';
import { MAX_LENGTH } from './mutate.ts';

const decode = (input: Uint8Array): string => new TextDecoder().decode(input);
const text =
  (check: (text: string) => unknown): Target['check'] =>
  (input) =>
    check(decode(input));
const written = (values: readonly unknown[]): string[] => values.map((one) => JSON.stringify(one));

/** The nastiest documents so far, as far as they are short. */
const CORPUS = [
  ...Object.values(TEXTS),
  ...Object.values(HIDING),
  ...Object.values(GROWING).map((make) => make(2_048)),
].filter((one) => one.length <= MAX_LENGTH);

const layout = new RegistryLayout('');
const UUID = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
const KEYS = [
  layout.blobData(digest('one')),
  layout.revisionLink('team/app', digest('one')),
  layout.tagCurrent('app', 'v1'),
  layout.tagHistory('app', 'v1', digest('one')),
  layout.layerLink('example.com/app', digest('one')),
  `${layout.uploadPrefix('app', UUID)}hashstates/sha256/0`,
].flatMap((key) => [key, key.slice(ROOT.length), key.slice(`${ROOT}repositories/`.length)]);

/** A document that says of itself what it is, so that what is behind the seal is read as well. */
function forged(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return read(() => sealPlan(value as PlanBody), InvalidPlanError) ?? value;
}

/** A manifest that somebody pushed, through indexer, plan, run and undo. The first byte says how. */
async function checkRun(input: Uint8Array): Promise<void> {
  const [how = 0] = input;
  const body = { mode: how & 1 ? 'offline' : 'online', all: (how & 2) !== 0 };
  const world = new World();
  const victim = await populate(world);
  const needed = body.all ? { ...victim, needed: new Map<string, string>() } : victim;
  const tag = how & 4 ? 'v2' : undefined;
  const { kept } = await infest(world, victim, [
    { do: 'manifest', name: how & 8 ? 'app' : 'stranger', bytes: input.subarray(1), tag },
  ]);
  await world.reindex();
  world.clock.advance(2 * DAY);
  await world.plan(body);
  const ids: string[] = [];
  for (let round = 0; round < 2; round++) {
    const { deleted, objects } = watchDeletions(world.dependencies.objects);
    const { runId } = await world.prune(body, { objects });
    for (const key of deleted) assert(key.startsWith(ROOT), key);
    if (runId !== undefined) ids.push(runId);
    await world.later();
  }
  assert.deepEqual(await damageTo(world, needed), []);
  const keys = await world.keys();
  if (!body.all) for (const key of kept) assert(keys.has(key), key);
  for (const id of ids.reverse()) await world.restore(id);
  assert.deepEqual(await damageTo(world, needed), []);
}

const TARGETS: Readonly<Record<string, Target>> = {
  key: { seeds: KEYS, check: text(checkKey) },
  manifest: { seeds: [...written(Object.values(everyDocument)), ...CORPUS], check: checkManifest },
  config: { seeds: [...written([samples.config, samples.config.config]), ...CORPUS], check: checkConfig },
  filters: {
    seeds: [
      ...written([samples.filters, samples.filterMaps, { until: ['2026-01-02T03:04:05.678+01:00'] }]),
      ...CORPUS,
    ],
    check: text(checkFilters),
  },
  request: {
    seeds: [...written([samples.request]), ...CORPUS],
    check: text((one) => checkRequest(jsonIn(one))),
  },
  operation: {
    seeds: [...written(samples.operations), ...CORPUS],
    check: text((one) => checkOperation(jsonIn(one))),
  },
  subject: {
    seeds: ['team/app:v1', `app@${digest('one')}`, digest('one'), 'app'],
    check: text(checkSubjectText),
  },
  plan: {
    seeds: [...written([sealPlan(samples.plan), samples.plan]), ...CORPUS],
    check: text((one) => {
      for (const document of [one, jsonIn(one), forged(jsonIn(one))]) checkPlan(document);
    }),
  },
  message: { seeds: [...samples.messages, ...CORPUS], check: text(checkMessage) },
  batch: {
    seeds: [
      ...KEYS.map((key) => samples.messages.join('\n').replaceAll('a/b', key)),
      samples.messages.join('\n\n'),
    ],
    check: text((some) => checkBatch(some.split('\n').slice(0, 10))),
  },
  webhook: {
    seeds: [...written([{ events: [event(), event({ action: 'push' })] }]), ...CORPUS],
    check: text(checkEnvelope),
  },
  heartbeat: {
    seeds: ['id-1\n{"writtenAt":"2026-11-24T19:50:51.000Z"}\n'],
    check: (input) => {
      const [key = ''] = decode(input).split('\n', 1);
      return checkHeartbeat(key, input.subarray(Buffer.byteLength(key)));
    },
  },
  journal: { seeds: [written(samples.journalLines).join('\n'), ...CORPUS], check: checkJournal },
  run: {
    seeds: Object.values(everyDocument).flatMap((one, at) => [`${at % 16}${JSON.stringify(one)}`]),
    check: checkRun,
    patience: 5_000,
    cost: 5,
  },
};

/** Each by its name; none may leave anything on a prototype. */
export const targets: ReadonlyMap<string, Target> = new Map(
  Object.entries(TARGETS).map(([name, target]) => [
    name,
    {
      ...target,
      check: async (input) => {
        await target.check(input);
        expectCleanPrototypes();
      },
    },
  ]),
);
