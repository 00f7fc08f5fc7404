import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, test } from 'vitest';
import { readContext } from '../../infra/context.ts';
import { CDK_JSON, ROOT, templateOf } from './temporary-app.ts';

test('every name becomes its property', () => {
  const { eventBus, schedule, grace, maxIndexLag, ...rest } = readContext({
    bucket: 'my-registry',
    root: '/registry',
    key: 'arn:aws:kms:eu-central-1:111122223333:key/1',
    grace: '36h',
    maxIndexLag: '1h30m',
    filters: '{"until":["168h"]}',
    allowUnversioned: 'true',
    maxManifestShare: '75',
    maxByteShare: '12.5%',
    schedule: 'rate(12 hours)',
    timeZone: 'Europe/Berlin',
    every: '12h',
    enabled: 'false',
    bus: 'events',
    pullTimes: 'true',
    alarmTopic: 'arn:aws:sns:eu-central-1:111122223333:alarms',
    distributed: 'deep',
    depth: '5000',
    workers: '4',
    concurrency: '32',
    pace: '100',
    reservedConcurrency: '1',
    indexConcurrency: '20',
    reindexWorkers: '8',
    inventoryBucket: 'my-inventories',
    logRetentionDays: '30',
  });
  expect(rest).toEqual({
    bucketName: 'my-registry',
    rootDirectory: '/registry',
    bucketKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/1',
    defaultFilters: { until: ['168h'] },
    allowUnversioned: true,
    maxManifestShare: 75,
    maxByteShare: 12.5,
    pullTimes: true,
    alarmTopicArn: 'arn:aws:sns:eu-central-1:111122223333:alarms',
    distributed: { when: 'deep', depth: 5000, workers: 4, concurrency: 32, pace: 100 },
    reservedConcurrency: 1,
    indexConcurrency: 20,
    reindexWorkers: 8,
    inventoryBucket: 'my-inventories',
    logRetention: RetentionDays.ONE_MONTH,
  });
  expect(grace?.toHours()).toBe(36);
  expect(maxIndexLag?.toMinutes()).toBe(90);
  expect(eventBus).toEqual({ name: 'events' });
  expect(schedule).toMatchObject({
    expression: 'rate(12 hours)',
    timeZone: 'Europe/Berlin',
    enabled: false,
    every: Duration.seconds(12 * 3600),
  });
});

test('nothing said is every default', () => {
  const props = readContext({});
  expect(props).toEqual({ schedule: {} });
  expect(templateOf(props).toJSON()).toEqual(templateOf().toJSON());
});

test('own is a bus of the stack', () => {
  expect(readContext({ bus: 'own' }).eventBus).toBe('own');
});

test("the CDK's own context is left alone", () => {
  expect(readContext({ ...CDK_JSON.context, 'acknowledged-issue-numbers': [1], 'aws:cdk:x': 1 })).toEqual({
    schedule: {},
  });
});

describe('refused', () => {
  test('a name that is not known', () => {
    expect(() => readContext({ gracee: '1h', bukket: 'x' })).toThrow(
      /^unknown context gracee, bukket: allowed are bucket, root, key, grace, /,
    );
  });

  test.each([
    ['grace', '1d', '24h'],
    ['grace', '-1h', '24h'],
    ['enabled', 'no', 'false'],
    ['pullTimes', '1', 'true'],
    ['reservedConcurrency', '1.5', '1'],
    ['logRetentionDays', '31', '90'],
    ['maxManifestShare', 'half', '50'],
    ['maxByteShare', '-1', '50'],
    ['filters', '["until"]', '{"until":["168h"]}'],
    ['filters', '{until', '{"until":["168h"]}'],
  ])('%s=%s', (name, value, example) => {
    expect(() => readContext({ [name]: value })).toThrow(
      `context ${name}: got ${JSON.stringify(value)}, allowed is such as ${example}`,
    );
  });
});

test('docs/operations.md has every name', () => {
  const operations = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
  let names = '';
  try {
    readContext({ unknown: '' });
  } catch (error) {
    names = String(error).replace(/^.*allowed are /, '');
  }
  expect(names.split(', ').length).toBeGreaterThan(15);
  expect(names.split(', ').filter((name) => !operations.includes(`\`${name}\``))).toEqual([]);
});
