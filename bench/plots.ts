/** Plots of the results: what a scenario takes against the registry's size, and against its garbage. */
import type { BenchResult } from './bench.ts';
import { type Axis, type Series, svgOf } from './chart.ts';
import { type Totals, totalsOf } from './totals.ts';

export interface Plot {
  /** Of its file, without an ending. */
  readonly name: string;
  readonly svg: string;
}

interface Measure {
  readonly name: string;
  readonly axis: string;
  readonly title: string;
  readonly of: (totals: Totals) => number;
  readonly format: (value: number) => string;
}

const short = (value: number): string => value.toLocaleString('en', { notation: 'compact' });

const MEASURES: readonly Measure[] = [
  {
    name: 'requests',
    axis: 'requests to DynamoDB and S3',
    title: 'Requests',
    of: ({ dynamodb, s3 }) => dynamodb + s3,
    format: short,
  },
  {
    ...{ name: 'seconds', axis: 'seconds, modelled, 64 connections', title: 'Time' },
    ...{ of: ({ seconds }) => seconds, format: short },
  },
  {
    ...{ name: 'dollars', axis: 'US dollars', title: 'Cost', of: ({ dollars }) => dollars },
    format: (value) => `$${short(value)}`,
  },
  {
    ...{ name: 'memory', axis: 'MiB resident at most', title: 'Memory' },
    ...{ of: ({ peakRss }) => peakRss / 1024 ** 2, format: short },
  },
];

const IMAGES: Axis = { name: 'images in the registry', kind: 'logarithmic', format: short };
const SHARE: Axis = { name: 'garbage (% of releases)', kind: 'linear', format: (value) => `${value}` };

export function plots(results: readonly BenchResult[]): Plot[] {
  return MEASURES.flatMap((measure) => [
    ...plot(measure, 'size', IMAGES, seriesOf(results, measure, bySize)),
    ...plot(measure, 'garbage', SHARE, seriesOf(results, measure, byGarbage)),
  ]);
}

function plot(measure: Measure, against: string, x: Axis, series: readonly Series[]): Plot[] {
  if (series.length === 0) return [];
  const { name, title, axis, format } = measure;
  // Against the garbage it is a straight line, or it is not in proportion; and memory is to be flat.
  const kind = against === 'size' && name !== 'memory' ? 'logarithmic' : 'linear';
  const y: Axis = { name: axis, kind, format };
  return [
    { name: `${name}-by-${against}`, svg: svgOf({ title: `${title} against ${x.name}`, x, y, series }) },
  ];
}

interface Place {
  readonly series: string;
  readonly x: number;
}

const bySize = ({ options: { scenario, garbage, untagged }, registry }: BenchResult): Place => ({
  series:
    untagged === undefined
      ? `${scenario}, ${percent(garbage)} % garbage`
      : `${scenario}, ${untagged.toLocaleString('en')} untagged`,
  x: registry.images,
});

const byGarbage = ({ options: { scenario, garbage, images } }: BenchResult): Place => ({
  series: `${scenario}, ${short(images)} images`,
  x: percent(garbage),
});

const percent = (share: number): number => Math.round(share * 1000) / 10;

/** A series of one point shows nothing. */
function seriesOf(
  results: readonly BenchResult[],
  { of }: Measure,
  placeOf: (result: BenchResult) => Place,
): Series[] {
  const series = new Map<string, Map<number, number>>();
  for (const result of results) {
    const { series: name, x } = placeOf(result);
    const points = series.get(name) ?? new Map<number, number>();
    series.set(name, points.set(x, of(totalsOf(result))));
  }
  return [...series]
    .filter(([, points]) => points.size > 1)
    .map(([name, points]) => ({ name, points: [...points].sort(([a], [b]) => a - b) }));
}
