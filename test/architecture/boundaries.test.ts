import { describe, expect, it } from 'vitest';
import { type Source, sources, toSource } from './sources.ts';

/** What the files of a room may import: rooms, single files, packages. A room may always import itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  registry: ['node:crypto'],
  filters: [],
  store: [
    'registry/',
    '@aws-sdk/',
    '@smithy/types',
    'p-map',
    'valibot',
    ...['node:buffer', 'node:crypto', 'node:stream', 'node:timers/promises'],
  ],
  index: ['registry/', 'store/', 'p-map', 'valibot'],
  inventory: ['node:stream', 'node:zlib', 'csv-parse', 'hyparquet', 'valibot'],
  rebuild: [
    ...['index/', 'inventory/', 'registry/', 'store/', 'p-map', 'valibot'],
    ...['node:crypto', 'node:util', 'node:zlib'],
  ],
  prune: [
    ...['filters/', 'registry/', 'store/', 'picomatch', 'valibot'],
    ...['index/apply-upload.ts', 'index/blob-events.ts', 'index/heartbeat.ts'],
  ],
  distributed: ['prune/', 'registry/', 'store/'],
  plan: ['prune/', 'registry/', 'store/', 'node:crypto', 'valibot'],
  explain: ['prune/', 'registry/', 'store/'],
  operations: ['explain/', 'plan/', 'prune/', 'restore/', 'store/'],
  notifications: ['registry/', 'store/', 'node:crypto', 'valibot'],
  restore: [
    ...['registry/', 'store/', 'valibot'],
    ...['index/apply.ts', 'index/context.ts', 'index/manifest-record.ts'],
  ],
};

/** What every handler puts together. */
const HANDLER = ['dependencies.ts', '@aws-lambda-powertools/', '@middy/core'];

/** What single files may import beside that: where the pieces are put together. */
const ROOTS: Readonly<Record<string, readonly string[]>> = {
  'configuration.ts': ['filters/', 'prune/brake.ts', 'registry/'],
  'dependencies.ts': [
    ...[
      'configuration.ts',
      'index/',
      'notifications/',
      'operations/',
      'prune/',
      'rebuild/',
      'registry/',
      'store/',
      'ulid',
    ],
  ],
  'prune/handler.ts': [
    ...[...HANDLER, 'configuration.ts', 'last-resort.ts', 'metric-names.ts', 'operations/', 'aws-lambda'],
  ],
  'prune/telemetry.ts': ['@aws-lambda-powertools/'],
  'distributed/settings.ts': ['configuration.ts'],
  'distributed/start-handler.ts': [
    ...[...HANDLER, 'configuration.ts', 'last-resort.ts', 'metric-names.ts', 'aws-lambda'],
  ],
  'distributed/worker-handler.ts': [...HANDLER, 'configuration.ts', 'last-resort.ts', 'aws-lambda'],
  'distributed/decide-handler.ts': [...HANDLER, 'configuration.ts'],
  'distributed/finish-handler.ts': [
    ...[...HANDLER, 'configuration.ts', 'last-resort.ts', 'metric-names.ts', 'aws-lambda'],
  ],
  'index/handler.ts': [...HANDLER, 'configuration.ts', 'metric-names.ts', 'aws-lambda'],
  'index/heartbeat-handler.ts': [...HANDLER, 'configuration.ts', 'metric-names.ts'],
  'index/telemetry.ts': ['@aws-lambda-powertools/'],
  'notifications/handler.ts': [...HANDLER, 'metric-names.ts', 'aws-lambda'],
  'notifications/settings.ts': ['configuration.ts'],
  'notifications/telemetry.ts': ['@aws-lambda-powertools/'],
  'rebuild/next-handler.ts': [...HANDLER, 'configuration.ts'],
  'rebuild/slice-handler.ts': [...HANDLER, 'configuration.ts', 'aws-lambda'],
  'rebuild/telemetry.ts': ['@aws-lambda-powertools/'],
  'restore/handler.ts': HANDLER,
};

/** Nothing of AWS, of the time or of the environment. */
const PURE = ['registry', 'filters'];

/** The functions of a distributed run. */
const DISTRIBUTED = ['start', 'worker', 'decide', 'finish'].map((name) => `distributed/${name}-handler.ts`);

/** What makes a run of the same code come out differently, and the few files that may use it. */
const OUTSIDE: readonly {
  readonly what: string;
  readonly pattern: RegExp;
  readonly in: readonly string[];
}[] = [
  {
    what: 'the environment',
    pattern: /\bprocess\s*[.[]|=\s*process\b/,
    in: [
      ...['index/handler.ts', 'index/heartbeat-handler.ts', 'notifications/handler.ts', 'prune/handler.ts'],
      ...[
        'rebuild/next-handler.ts',
        'rebuild/slice-handler.ts',
        'restore/handler.ts',
        'store/aws-clients.ts',
        'last-resort.ts',
      ],
      ...DISTRIBUTED,
    ],
  },
  {
    what: 'the clock',
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\b|\bhrtime\b/,
    // The preview's is a default, for when none is injected.
    in: [
      ...['index/handler.ts', 'index/heartbeat-handler.ts', 'prune/handler.ts'],
      ...['rebuild/next-handler.ts', 'rebuild/slice-handler.ts'],
      ...['dependencies.ts', 'store/preview-bucket.ts'],
      ...DISTRIBUTED,
    ],
  },
  {
    what: 'a timer',
    pattern: /\bset(?:Timeout|Interval|Immediate)\b/,
    in: ['dependencies.ts', 'last-resort.ts', 'store/backoff.ts'],
  },
  {
    what: 'randomness',
    pattern: /\bMath\.random\b|\brandom(?:UUID|Bytes|Int)\b|\bgetRandomValues\b/,
    in: ['store/backoff.ts'],
  },
];

const MAX_HANDLER_LINES = 40;

const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');

const allows = (allowed: string, imported: string): boolean =>
  allowed.endsWith('/') ? imported.startsWith(allowed) : imported === allowed;

/** Every way in which a file breaks the rules. */
function violations(source: Source): string[] {
  const { path, code, imports, lines } = source;
  const room = roomOf(path);
  const allowed = [...(room === '' ? [] : [`${room}/`, ...(MAY_IMPORT[room] ?? [])]), ...(ROOTS[path] ?? [])];
  return [
    ...imports
      .filter((imported) => !allowed.some((one) => allows(one, imported)))
      .map((imported) => `${path} imports ${imported}`),
    ...OUTSIDE.filter(({ pattern, in: files }) => pattern.test(code) && !files.includes(path)).map(
      ({ what }) => `${path} uses ${what}`,
    ),
    ...(path.endsWith('handler.ts') && lines >= MAX_HANDLER_LINES ? [`${path} has ${lines} lines`] : []),
  ];
}

describe('the rooms', () => {
  const all = sources();

  it('are those that are known, and none is empty', () => {
    const rooms = new Set(all.map(({ path }) => roomOf(path)).filter(Boolean));
    expect([...rooms].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it('keep to their boundaries', () => {
    expect(all.flatMap(violations)).toEqual([]);
  });

  it('are pure where they claim to be', () => {
    const files = OUTSIDE.flatMap((rule) => rule.in);
    expect(files.filter((path) => PURE.includes(roomOf(path)))).toEqual([]);
    const imported = all.filter(({ path }) => PURE.includes(roomOf(path))).flatMap(({ imports }) => imports);
    expect(imported.filter((name) => !PURE.includes(roomOf(name)) && name !== 'node:crypto')).toEqual([]);
  });

  it('need every exception that is made for them', () => {
    const byPath = new Map(all.map((source) => [source.path, source]));
    const needless = [
      ...OUTSIDE.flatMap(({ what, pattern, in: files }) =>
        files.filter((path) => !pattern.test(byPath.get(path)?.code ?? '')).map((path) => `${path}: ${what}`),
      ),
      ...Object.entries(MAY_IMPORT).flatMap(([room, allowed]) => {
        const imported = all.filter(({ path }) => roomOf(path) === room).flatMap(({ imports }) => imports);
        return allowed
          .filter((one) => !imported.some((name) => allows(one, name)))
          .map((one) => `${room}: ${one}`);
      }),
      ...Object.entries(ROOTS).flatMap(([path, allowed]) =>
        allowed
          .filter((one) => !byPath.get(path)?.imports.some((name) => allows(one, name)))
          .map((one) => `${path}: ${one}`),
      ),
    ];
    expect(needless).toEqual([]);
  });
});

describe('the check itself', () => {
  it.each([
    ["import { x } from '../store/table.ts';", 'registry/a.ts imports store/table.ts'],
    ["import type { x } from '../store/table.ts';", 'registry/a.ts imports store/table.ts'],
    ["import {\n  x,\n  type Y,\n} from '../store/table.ts';", 'registry/a.ts imports store/table.ts'],
    ["export * from '../prune/run.ts';", 'registry/a.ts imports prune/run.ts'],
    ["import '@aws-sdk/client-s3';", 'registry/a.ts imports @aws-sdk/client-s3'],
    ["const x = await import('node:fs');", 'registry/a.ts imports node:fs'],
    ['const at = Date.now();', 'registry/a.ts uses the clock'],
    ['const at = new Date();', 'registry/a.ts uses the clock'],
    ["const root = process.env['ROOT'];", 'registry/a.ts uses the environment'],
    ['const id = Math.random();', 'registry/a.ts uses randomness'],
    ["const x = 'it // is'; const at = Date.now();", 'registry/a.ts uses the clock'],
  ])('sees %j', (text, violation) => {
    expect(violations(toSource('registry/a.ts', text))).toEqual([violation]);
  });

  it.each([
    "import { x } from './digest.ts';",
    "import { createHash } from 'node:crypto';",
    "// import { x } from '../store/table.ts'; Date.now()",
    "/** @example f('{}', new Date()); process.env */",
    'const at = new Date(0);',
  ])('passes over %j', (text) => {
    expect(violations(toSource('registry/a.ts', text))).toEqual([]);
  });

  it('sees a handler that has grown', () => {
    const text = '\n'.repeat(MAX_HANDLER_LINES - 1).concat('export {};\n');
    expect(violations(toSource('index/handler.ts', text))).toEqual(['index/handler.ts has 40 lines']);
  });
});
