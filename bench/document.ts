#!/usr/bin/env node
/**
 * `node bench/document.ts <file.md> --after <results.json> [--before <results.json>]`: writes the tables of measured
 * figures into a document, between its marks `<!-- figures: … -->` and `<!-- end -->`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { BenchResult } from './bench.ts';
import { MIB } from './checks.ts';
import { type Totals, total, totalsOf } from './totals.ts';

interface Figures {
  readonly after: readonly BenchResult[];
  /** Of the same scenarios, measured before a change. */
  readonly before: readonly BenchResult[];
}

/** @throws Error for a mark of another name, or one that does not end. */
export function withFigures(document: string, figures: Figures): string {
  return document.replace(
    /<!-- figures: (\S+) -->\n([\s\S]*?)<!-- (end|figures: \S+) -->/g,
    (_, name, __, end) => {
      const table = TABLES[name];
      if (table === undefined) {
        throw new Error(
          `the mark "figures: ${name}" is not known: allowed are ${Object.keys(TABLES).join(', ')}`,
        );
      }
      if (end !== 'end') throw new Error(`the mark "figures: ${name}" does not end before "${end}"`);
      return `<!-- figures: ${name} -->\n\n${table(figures)}\n\n<!-- end -->`;
    },
  );
}

const TABLES: Readonly<Record<string, (figures: Figures) => string>> = { scenarios, kinds };

const HEAD = ['', 'images', 'garbage', 'DynamoDB', 'S3', 'seconds', 'CPU µs', 'MiB', 'dollars', 'bound by'];

/** Requests, CPU and dollars are for each blob, or a thousand of them, that the work was about. */
function scenarios({ after, before }: Figures): string {
  const rows = after.map((result) => {
    const old = before.find((one) => placeOf(one) === placeOf(result));
    const { blobs } = result.things;
    const figure = (of: (totals: Totals, blobs: number) => number, digits: number): string => {
      const now = shown(of(totalsOf(result), blobs), digits);
      const then = old && shown(of(totalsOf(old), old.things.blobs), digits);
      return then === undefined || then === now ? now : `${then} → ${now}`;
    };
    return [
      result.options.scenario,
      count(result.registry.images),
      share(result),
      figure((totals, of) => totals.dynamodb / of, 2),
      figure((totals, of) => totals.s3 / of, 2),
      figure(({ seconds }) => seconds, 0),
      figure((totals, of) => (totals.cpuSeconds * 1e6) / of, 0),
      figure(({ peakRss }) => peakRss / MIB, 0),
      figure((totals, of) => (totals.dollars * 1000) / of, 4),
      boundOf(result),
    ];
  });
  return markdown(HEAD, rows);
}

/** Requests by kind of the largest registry of each scenario, for each blob. */
function kinds({ after }: Figures): string {
  const largest = new Map<string, BenchResult>();
  for (const result of after) {
    const known = largest.get(result.options.scenario);
    if (known === undefined || known.registry.images <= result.registry.images) {
      largest.set(result.options.scenario, result);
    }
  }
  const results = [...largest.values()];
  const names = new Set(results.flatMap((result) => Object.keys(kindsOf(result))));
  const rows = [...names].sort().map((name) => [
    name,
    ...results.map((result) => {
      const times = (kindsOf(result)[name] ?? 0) / result.things.blobs;
      return times === 0 ? '' : shown(times, times < 0.01 ? 5 : 2);
    }),
  ]);
  const head = results.map(({ options, registry }) => `${options.scenario}, ${count(registry.images)}`);
  return markdown(['', ...head], rows);
}

function kindsOf({ phases }: BenchResult): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { dynamodb, s3 } of phases.filter(({ name }) => name !== 'rebuild')) {
    for (const [service, requests] of [
      ['DynamoDB', dynamodb],
      ['S3', s3],
    ] as const) {
      for (const [kind, times] of Object.entries(requests)) {
        sums[`${service} ${kind}`] = (sums[`${service} ${kind}`] ?? 0) + times;
      }
    }
  }
  return sums;
}

/** Of the phase that takes longest. */
function boundOf({ phases }: BenchResult): string {
  const [longest] = phases.filter(({ name }) => name !== 'rebuild').toSorted((a, b) => b.seconds - a.seconds);
  if (longest === undefined || total(longest.dynamodb) === 0) return '';
  const { by, shares } = longest.bound;
  const [most] = shares;
  const used = Math.round((most?.share ?? 0) * 100);
  return by === 'latency' ? `latency (${most?.resource}: ${used} %)` : `${by} (${used} %)`;
}

const placeOf = ({ options: { scenario, images, garbage } }: BenchResult): string =>
  [scenario, images, garbage].join(' ');

const share = ({ options: { garbage, untagged } }: BenchResult): string =>
  untagged === undefined ? `${garbage * 100} %` : `${count(untagged)} images`;

const count = (number: number): string => number.toLocaleString('en');
const shown = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '--:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

const read = (path: string | undefined): BenchResult[] =>
  path === undefined ? [] : (JSON.parse(readFileSync(path, 'utf8')) as BenchResult[]);

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { before: { type: 'string' }, after: { type: 'string' } },
  });
  for (const path of positionals) {
    const figures = { after: read(values.after), before: read(values.before) };
    writeFileSync(path, withFigures(readFileSync(path, 'utf8'), figures));
  }
}
