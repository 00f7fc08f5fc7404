import { expect, it } from 'vitest';
import type { BenchResult } from '../../bench/bench.ts';
import { svgOf } from '../../bench/chart.ts';
import { withFigures } from '../../bench/document.ts';
import type { Phase } from '../../bench/phases.ts';
import { plots } from '../../bench/plots.ts';
import type { ScenarioName } from '../../bench/scenarios.ts';
import { misses } from '../../bench/targets.ts';
import { totalsOf } from '../../bench/totals.ts';

const MIB = 1024 * 1024;

interface Made {
  readonly scenario?: ScenarioName;
  readonly images?: number;
  readonly garbage?: number;
  readonly blobs?: number;
  /** For each blob. */
  readonly requests?: number;
  readonly deletes?: number;
  readonly micros?: number;
  readonly seconds?: number;
  readonly mib?: number;
  readonly dollars?: number;
}

function made(about: Made): BenchResult {
  const {
    scenario = 'sweep',
    images = 1_000,
    garbage = 0.5,
    blobs = 100_000,
    seconds = 60,
    mib = 100,
  } = about;
  const { requests = 5, deletes = 0.001, micros = 50, dollars = 0.001 } = about;
  const phase = (name: string): Phase => ({
    name,
    usage: {
      ...{ wallSeconds: 1, cpuSeconds: (micros * blobs) / 1e6 },
      ...{ startRss: 0, peakRss: mib * MIB, peakHeap: 0 },
    },
    ...{ seconds, throttled: 0, units: { read: 1, write: 1 }, dollars: dollars * blobs },
    dynamodb: { Query: requests * blobs },
    s3: { DeleteObjects: deletes * blobs },
    bound: { by: 'latency', shares: [{ resource: 'connections to S3', share: 0.5 }] },
  });
  const facts = {
    repositories: 1,
    manifests: 1,
    garbageManifests: 1,
    garbageReleases: 1,
    garbageBlobs: blobs,
    bytes: 1,
    garbageBytes: 1,
  };
  return {
    options: { scenario, images, garbage, seed: 1, maxRssMib: 512 },
    registry: { ...facts, images, blobs },
    things: { manifests: blobs, blobs },
    // What shows that all is well is no part of what it takes.
    phases: [phase('run 1'), ...(scenario === 'prune' ? [phase('rebuild')] : [])],
    memory: { baseline: 1, max: mib * MIB, heapLimit: 1, generated: 1, stores: 1 },
    failures: [],
  };
}

it('misses nothing at what is allowed', () => {
  expect(misses([made({ requests: 6, deletes: 0.002, micros: 100, seconds: 810, images: 100_000 })])).toEqual(
    [],
  );
});

it.each<[string, Made, RegExp]>([
  ['DynamoDB', { requests: 6.1 }, /DynamoDB requests a blob: 6\.10; allowed are 6$/],
  ['deletions', { deletes: 0.003 }, /S3 delete requests a blob: 0\.00300; allowed are 0\.002$/],
  ['CPU', { micros: 101 }, /µs of CPU a blob: 101; allowed are 100$/],
  [
    'time',
    { seconds: 811, images: 100_000 },
    /^sweep, 100000 images, 50\.0 % garbage: seconds: 811; .* 810$/,
  ],
  ['time of a dry run', { scenario: 'dry-run', seconds: 811, images: 1_000_000 }, /seconds: 811/],
  // 480 s, of which a function with 1 GB has 0.58 in each.
  [
    'computing of a dry run',
    { scenario: 'dry-run', micros: 4_800, images: 1_000_000 },
    /seconds to compute: 829; allowed are 810$/,
  ],
])('misses the target of %s', (_, about, message) => {
  expect(misses([made(about)])).toEqual([expect.stringMatching(message)]);
});

it('does not judge CPU or deletions by few blobs, nor anything by next to none, nor the time of what needs more functions', () => {
  const lax = [
    { deletes: 0.01, blobs: 19_999 },
    { micros: 500, blobs: 99_999 },
    { requests: 90, micros: 500, blobs: 999 },
  ];
  expect(misses([...lax, { seconds: 9_999, images: 1_000_000 }].map(made))).toEqual([]);
});

it('compares the same garbage among more live images', () => {
  const small = made({ scenario: 'prune', images: 1_000 });
  const flat = made({ scenario: 'prune', images: 10_000, requests: 5.2, mib: 190, dollars: 0.00104 });
  expect(misses([flat, small])).toEqual([]);
  const grown = made({ scenario: 'prune', images: 10_000, requests: 5.6, mib: 197, dollars: 0.00112 });
  expect(misses([grown, small])).toEqual([
    expect.stringMatching(
      /dynamodb for each blob of garbage has grown by 12\.0 % since 1000 images; allowed are 6 %/,
    ),
    expect.stringMatching(/dollars for each blob of garbage has grown by 12\.0 %/),
    expect.stringMatching(/memory has grown by 97 MiB since 1000 images; allowed are 96 MiB/),
  ]);
  // Of a hundred times as many, twice as much.
  const far = made({ scenario: 'prune', images: 100_000, requests: 5.55, mib: 190, dollars: 0.00111 });
  expect(misses([far, small])).toEqual([]);
  const moreGarbage = made({ scenario: 'prune', images: 10_000, requests: 50, blobs: 1_000_000 });
  expect(misses([moreGarbage, small])).toEqual([]);
  // Asked for as the same number of images, and yet not the same.
  const untagged = [small, moreGarbage].map((one) => ({
    ...one,
    options: { ...one.options, untagged: 500 },
  }));
  expect(misses(untagged)).toEqual([expect.stringMatching(/no smaller one has as much garbage/)]);
});

it('sums what is measured, without the rebuild that shows it', () => {
  expect(totalsOf(made({ scenario: 'prune', blobs: 1_000 }))).toMatchObject({
    dynamodb: 5_000,
    s3Deletes: 1,
    seconds: 60,
  });
});

it('plots each series of more than one point, against size and against garbage', () => {
  const results = [
    made({ images: 1_000 }),
    made({ images: 10_000 }),
    made({ images: 1_000, garbage: 0.9, requests: 9 }),
    made({ scenario: 'reindex' }),
  ];
  const made_ = new Map(plots(results).map(({ name, svg }) => [name, svg]));
  expect([...made_.keys()].sort()).toEqual(
    ['dollars', 'memory', 'requests', 'seconds'].flatMap((name) => [`${name}-by-garbage`, `${name}-by-size`]),
  );
  const bySize = made_.get('requests-by-size');
  expect(bySize).toContain('sweep, 50 % garbage');
  expect(bySize).not.toContain('reindex');
  // From 1,000 to 10,000 is all of the axis; the same number of requests is the same height.
  expect(bySize).toMatch(/<polyline points="90\.0,([\d.]+) 520\.0,\1"/);
  expect(made_.get('requests-by-garbage')).toContain('sweep, 1K images');
  expect(plots([made({})])).toEqual([]);
});

it('refuses to show nothing on a logarithmic axis', () => {
  const axis = { name: 'requests', kind: 'logarithmic', format: String } as const;
  const chart = { title: '', x: axis, y: axis, series: [{ name: 'a', points: [[1, 0]] as const }] };
  expect(() => svgOf(chart)).toThrow('requests: 0 cannot be shown on a logarithmic axis');
});

it('writes tables between the marks of a document, again and again', () => {
  const document =
    'a\n<!-- figures: scenarios -->\nold\n<!-- end -->\nb\n<!-- figures: kinds -->\n<!-- end -->\n';
  const figures = { before: [made({ requests: 8 })], after: [made({ requests: 5 })] };
  const written = withFigures(document, figures);
  expect(written).toContain(
    '| sweep | 1,000 | 50 % | 8.00 → 5.00 | 0.00 | 60 | 50 | 100 | 1.0000 | latency (connections to S3: 50 %) |',
  );
  expect(written).toContain('| DynamoDB Query | 5.00 |');
  expect(written).not.toContain('old');
  expect(withFigures(written, figures)).toBe(written);
  expect(() => withFigures('<!-- figures: x -->\n<!-- end -->', figures)).toThrow(
    '"figures: x" is not known: allowed are scenarios, kinds',
  );
  expect(() => withFigures('<!-- figures: kinds -->\n<!-- figures: kinds -->', figures)).toThrow(
    'does not end',
  );
});
