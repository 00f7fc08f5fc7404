import { Duration, Lazy } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { checkSettings, type RegistrySettings } from '../../infra/settings.ts';
import { readConfiguration, STANDARD } from '../../lambdas/configuration.ts';
import { temporaryStack } from './temporary-app.ts';

const read = (settings: RegistrySettings) =>
  readConfiguration(
    { METADATA_TABLE: 't', REGISTRY_BUCKET: 'b', ...checkSettings(settings).environment },
    new Date(),
  );

test('without settings the functions have their own defaults', () => {
  expect(read({})).toEqual(readConfiguration({ METADATA_TABLE: 't', REGISTRY_BUCKET: 'b' }, new Date()));
});

test('every setting reaches the functions', () => {
  const settings: RegistrySettings = {
    rootDirectory: '/registry',
    grace: Duration.hours(36),
    quarantine: Duration.minutes(90),
    maxIndexLag: Duration.seconds(601),
    undoWindow: Duration.days(30),
    defaultFilters: { until: ['168h'], 'label!': ['keep'] },
    allowUnversioned: true,
    journalPrefix: 'journals',
    heartbeatPrefix: 'beats/',
    planPrefix: 'plans',
    reindexPrefix: 'rebuilds',
    maxManifestShare: 75,
    maxByteShare: 12.5,
  };
  expect(checkSettings(settings).environment).toEqual({
    REGISTRY_ROOT: '/registry',
    GRACE: '36h',
    QUARANTINE: '90m',
    MAX_INDEX_LAG: '601s',
    UNDO_WINDOW: '720h',
    DEFAULT_FILTERS: '{"until":["168h"],"label!":["keep"]}',
    ALLOW_UNVERSIONED: 'true',
    JOURNAL_PREFIX: 'journals',
    HEARTBEAT_PREFIX: 'beats/',
    PLAN_PREFIX: 'plans',
    REINDEX_PREFIX: 'rebuilds',
    MAX_MANIFEST_SHARE: '75%',
    MAX_BYTE_SHARE: '12.5%',
  });
  expect(read(settings)).toMatchObject({
    grace: 36 * 3_600_000,
    quarantine: 90 * 60_000,
    maxIndexLag: 601_000,
    undoWindow: 30 * 24 * 3_600_000,
    allowUnversioned: true,
    journalPrefix: 'journals/',
    heartbeatPrefix: 'beats/',
    planPrefix: 'plans/',
    reindexPrefix: 'rebuilds/',
    brake: { manifestShare: 0.75, byteShare: 0.125 },
  });
});

test('nothing rests where nothing has to', () => {
  expect(read({ grace: Duration.seconds(0), quarantine: Duration.seconds(0) })).toMatchObject({
    grace: 0,
    quarantine: 0,
  });
});

describe('settings with which no function could start are refused', () => {
  test.each<[RegistrySettings, string]>([
    [{ rootDirectory: '/a/../b' }, 'rootDirectory'],
    [{ defaultFilters: { dangle: ['true'] } }, "defaultFilters: invalid filter 'dangle'"],
    [{ defaultFilters: { until: ['1d'] } }, 'defaultFilters: '],
    [{ journalPrefix: 'docker/registry/v2/x' }, 'journalPrefix: "docker/registry/v2/x" overlaps'],
    [{ journalPrefix: 'x/', heartbeatPrefix: 'x/y' }, 'heartbeatPrefix: "x/y/" overlaps another prefix, x/'],
    [{ heartbeatPrefix: '/' }, 'heartbeatPrefix: "/" is empty'],
    [{ planPrefix: 'docker/' }, 'planPrefix: "docker/" overlaps the registry\'s own prefix'],
    [{ heartbeatPrefix: 'x/', planPrefix: 'x/y' }, 'planPrefix: "x/y/" overlaps another prefix, x/'],
    [{ planPrefix: 'x/', reindexPrefix: 'x/y' }, 'reindexPrefix: "x/y/" overlaps another prefix, x/'],
    [{ maxManifestShare: 0 }, 'maxManifestShare: "0%" is no share: allowed are percentages such as 50%'],
    [{ maxManifestShare: 101 }, 'maxManifestShare: "101%" is no share'],
    [{ maxByteShare: -1 }, 'maxByteShare: "-1%" is no share'],
    [{ maxByteShare: Number.NaN }, 'maxByteShare: "NaN%" is no share'],
  ])('%j', (settings, message) => {
    expect(() => checkSettings(settings)).toThrow(message);
    expect(() => checkSettings(settings)).toThrow(/^the settings are not usable: /);
  });

  test('all of them at once', () => {
    const settings = { defaultFilters: { x: ['1'] }, journalPrefix: '/', heartbeatPrefix: '//' };
    expect(() => checkSettings(settings)).toThrow(/defaultFilters: .*|journalPrefix: .*|heartbeatPrefix: /);
    for (const name of ['defaultFilters: ', 'journalPrefix: ', 'heartbeatPrefix: '])
      expect(() => checkSettings(settings)).toThrow(name);
  });

  test('a length of time that is not known yet', () => {
    const unknown = Duration.seconds(Lazy.number({ produce: () => 1 }));
    expect(() => checkSettings({ grace: unknown })).toThrow(
      'grace is not known before the deployment: allowed are lengths of time such as Duration.hours(24)',
    );
  });
});

test.each(['grace', 'quarantine'] as const)('%s below the lag that is allowed is warned of', (name) => {
  const stack = temporaryStack({ [name]: Duration.minutes(14) });
  const warnings = Annotations.fromStack(stack).findWarning('*', Match.anyValue());
  expect(warnings.map(({ entry }) => String(entry.data))).toEqual([
    expect.stringContaining(`${name} is 840 s, less than maxIndexLag (900 s)`),
  ]);
});

test('the defaults are no reason to warn', () => {
  expect(Annotations.fromStack(temporaryStack()).findWarning('*', Match.anyValue())).toEqual([]);
  expect(checkSettings({}).environment).toMatchObject({
    GRACE: STANDARD.GRACE,
    UNDO_WINDOW: STANDARD.UNDO_WINDOW,
  });
});
