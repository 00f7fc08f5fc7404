import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Template } from 'aws-cdk-lib/assertions';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, test } from 'vitest';
import { type OnPruneProps, onPrune, prunePattern } from '../../infra/on-prune.ts';
import { pruneEvent } from '../../lambdas/prune/event.ts';
import type { Report } from '../../lambdas/prune/report.ts';
import { matches } from '../support/event-pattern.ts';
import { emptyStack, ROOT } from './temporary-app.ts';

const GIB = 1024 ** 3;

const report = (changes: Partial<Report> = {}): Report => ({
  runId: '01KAV3M2Q8Z5N6W4R7T9Y1B3CD',
  status: 'completed',
  dryRun: false,
  mode: 'online',
  trigger: 'schedule',
  imagesDeleted: [],
  spaceReclaimed: 0,
  manifests: { examined: 0, deleted: 0, kept: 0, skipped: 0 },
  blobs: { examined: 0, condemned: 0, condemnedBytes: 0, deleted: 0, rescued: 0, failed: 0 },
  links: { deleted: 0 },
  uploads: { deleted: 0, bytes: 0 },
  refusals: [],
  startedAt: '2026-11-24T16:50:00.000Z',
  durationMs: 5210,
  ...changes,
});

/** As EventBridge gets it, and in the form that the schema promises. */
function eventOf(changes: Partial<Report> = {}): Record<string, unknown> {
  const { detailType, detail } = pruneEvent(
    report(changes),
    'my-registry',
    new Date('2026-11-24T16:50:05.210Z'),
  );
  const schema = JSON.parse(readFileSync(join(ROOT, 'schemas/prune-event.schema.json'), 'utf8'));
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  expect(validate(detail) || validate.errors).toBe(true);
  return { source: 'registry-prune', 'detail-type': detailType, detail: JSON.parse(JSON.stringify(detail)) };
}

function templateOf(props: Omit<OnPruneProps, 'targets'>): Template {
  const stack = emptyStack();
  onPrune(stack, 'Rule', { ...props, targets: [new SqsQueue(new Queue(stack, 'Queue'))] });
  return Template.fromStack(stack);
}

function patternOf(props: Omit<OnPruneProps, 'targets'>): Record<string, unknown> {
  const [rule] = Object.values(templateOf(props).findResources('AWS::Events::Rule'));
  return rule?.['Properties'].EventPattern;
}

const refused: Partial<Report> = {
  status: 'refused',
  refusals: [{ code: 'dead-letters', message: '1 event could not be indexed' }],
};

describe('a rule on prunes', () => {
  test('of the docs: more than 100 GiB, or refused', () => {
    const pattern = patternOf({ anyOf: [{ minimumReclaimedMiB: 100 * 1024 }, { status: ['refused'] }] });
    expect(matches(pattern, eventOf({ spaceReclaimed: 100 * GIB }))).toBe(true);
    expect(matches(pattern, eventOf({ spaceReclaimed: 100 * GIB - 10_000_000 }))).toBe(false);
    expect(matches(pattern, eventOf(refused))).toBe(true);
    expect(matches(pattern, eventOf({ status: 'partial' }))).toBe(false);
  });

  test.each<[string, Omit<OnPruneProps, 'targets'>, Partial<Report>, Partial<Report>]>([
    ['without a condition', {}, {}, {}],
    ['of a status', { status: ['partial', 'refused'] }, { status: 'partial' }, {}],
    ['of a refusal', { refusals: ['stale-index', 'dead-letters'] }, refused, {}],
    ['of a trigger', { trigger: ['cli', 'manual'] }, { trigger: 'cli' }, {}],
    ['of a mode', { mode: ['offline'] }, { mode: 'offline' }, {}],
    [
      'of manifests and blobs',
      { minimumManifestsDeleted: 2, minimumBlobsDeleted: 1 },
      {
        manifests: { examined: 2, deleted: 2, kept: 0, skipped: 0 },
        blobs: { examined: 1, condemned: 0, condemnedBytes: 0, deleted: 1, rescued: 0, failed: 0 },
      },
      { manifests: { examined: 2, deleted: 2, kept: 0, skipped: 0 } },
    ],
    [
      'of one of a list, beside another condition',
      { mode: ['online'], anyOf: [{ status: ['refused'] }] },
      refused,
      { ...refused, mode: 'offline' },
    ],
  ])('%s', (what, props, matching, other) => {
    const pattern = patternOf(props);
    expect(matches(pattern, eventOf(matching))).toBe(true);
    expect(matches(pattern, eventOf(other))).toBe(what === 'without a condition');
    expect(matches(pattern, { ...eventOf(matching), 'detail-type': 'Blob Lost' })).toBe(false);
    expect(matches(pattern, { ...eventOf(matching), source: 'other' })).toBe(false);
  });

  test('of one bucket', () => {
    expect(matches(patternOf({ bucketName: ['my-registry'] }), eventOf())).toBe(true);
    expect(matches(patternOf({ bucketName: ['another'] }), eventOf())).toBe(false);
  });

  test('on bytes would miss what is large, which is why it counts MiB', () => {
    const onBytes = { detail: { reclaimedBytes: [{ numeric: ['>=', 1_000_000_000] }] } };
    expect(matches(onBytes, eventOf({ spaceReclaimed: 2_000_000_000 }))).toBe(true);
    expect(matches(onBytes, eventOf({ spaceReclaimed: 6_000_000_000 }))).toBe(false);
    expect(matches(patternOf({ minimumReclaimedMiB: 954 }), eventOf({ spaceReclaimed: 6_000_000_000 }))).toBe(
      true,
    );
  });

  test('is on the bus that the events go to', () => {
    const stack = emptyStack();
    onPrune(stack, 'Rule', { eventBus: EventBus.fromEventBusName(stack, 'Bus', 'events'), targets: [] });
    Template.fromStack(stack).hasResourceProperties('AWS::Events::Rule', { EventBusName: 'events' });
  });
});

describe('refused are', () => {
  test.each([Number.NaN, -1, 5_000_000_001, Number.POSITIVE_INFINITY])('%d MiB', (minimumReclaimedMiB) => {
    expect(() => prunePattern({ minimumReclaimedMiB })).toThrow(
      `minimumReclaimedMiB is out of range: got ${minimumReclaimedMiB}, allowed are 0 to 5000000000`,
    );
  });

  test('conditions that nothing, or everything, would meet', () => {
    expect(() => prunePattern({ status: [] })).toThrow('status is empty, so that no prune would match');
    expect(() => prunePattern({}, [])).toThrow('anyOf is empty: allowed is one condition or more');
    expect(() => prunePattern({}, [{ status: ['refused'] }, {}])).toThrow('anyOf: condition 2 says nothing');
    expect(() =>
      prunePattern({ mode: ['online'] }, [{ mode: ['offline'] }, { status: ['refused'] }]),
    ).toThrow('mode: given both in anyOf and beside it');
  });
});

describe('the rules printed in docs/events.md', () => {
  const docs = readFileSync(join(ROOT, 'docs/events.md'), 'utf8');
  const printed = [...docs.matchAll(/```json\n(\{ "source": \["registry-prune"\].*?)\n```/gs)].map(
    ([, text = '']) => JSON.parse(text),
  );
  const condemned = { examined: 1, condemned: 1, condemnedBytes: 1, deleted: 0, rescued: 0, failed: 0 };
  const events = {
    large: eventOf({ spaceReclaimed: 20 * GIB }),
    refused: eventOf(refused),
    condemned: eventOf({ blobs: condemned }),
    quiet: eventOf(),
    lost: { source: 'registry-prune', 'detail-type': 'Blob Lost', detail: {} },
  };

  test('match what they are for and nothing else', () => {
    const matched = printed.map((pattern) =>
      Object.entries(events).flatMap(([name, event]) => (matches(pattern, event) ? [name] : [])),
    );
    expect(matched).toEqual([['large'], ['refused'], ['condemned'], ['refused'], ['lost']]);
  });

  test('have the example in CDK, which is the one that is tested here', () => {
    expect(docs).toContain("anyOf: [{ minimumReclaimedMiB: 100 * 1024 }, { status: ['refused'] }],");
  });
});
