/** What happened in a soak, counted. */
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { Report } from '../../../lambdas/prune/report.ts';
import type { Attempted } from './client-retry.ts';
import type { IndexerMessage } from './indexer-process.ts';
import type { SoakOptions } from './options.ts';
import type { Probed } from './prober.ts';
import type { PrunerMessage } from './pruner-process.ts';

export class Figures {
  readonly startedAt = Date.now();
  /** Of the pushing alone, in milliseconds. */
  elapsed = 0;
  pushes = 0;
  failedOperations = 0;
  probed: Probed = { looks: 0, outages: [] };
  readonly operations = new Map<string, number>();
  readonly refusals = new Map<string, number>();
  readonly lags: number[] = [];
  readonly depths: number[] = [];
  readonly index = {
    applied: 0,
    postponed: 0,
    restored: 0,
    lost: new Set<string>(),
    failures: [] as string[],
  };
  readonly reports: Report[] = [];
  readonly pruneErrors: string[] = [];

  done(operation: string, { acknowledged, refusals }: Attempted): void {
    add(this.operations, operation);
    for (const refusal of refusals) add(this.refusals, refusal);
    if (!acknowledged) this.failedOperations++;
  }

  indexed({ applied, postponed, restored, lost, failures, lags }: IndexerMessage): void {
    this.index.applied += applied;
    this.index.postponed += postponed;
    this.index.restored += restored;
    for (const digest of lost) this.index.lost.add(digest);
    this.index.failures.push(...failures);
    this.lags.push(...lags);
  }

  pruned(message: PrunerMessage): void {
    if ('report' in message) this.reports.push(message.report);
    else this.pruneErrors.push(message.error);
  }

  /** The outage of every acknowledged image, in milliseconds, least first; 0 for one never seen incomplete. */
  outages(): number[] {
    const longest = new Map<object, number>();
    for (const { tagged, duration } of this.probed.outages) {
      longest.set(tagged, Math.max(longest.get(tagged) ?? 0, duration));
    }
    const rest = Math.max(0, this.pushes - longest.size);
    return [...Array.from({ length: rest }, () => 0), ...longest.values()].sort((a, b) => a - b);
  }

  #longest(): string {
    return this.probed.outages
      .toSorted((a, b) => b.duration - a.duration)
      .slice(0, 3)
      .map(({ tagged: { repo, tag }, duration, missing, healed }) => {
        return `${duration} ms ${repo}:${tag} ${missing.slice(0, 60)} ${healed ? 'healed' : 'not seen healed'}`;
      })
      .join('\n');
  }

  /** How far it has come. */
  line(elapsed: number): string {
    const { pushes, depths, lags, reports } = this;
    return `${seconds(elapsed)}: ${pushes} pushes, ${reports.length} prunes, ${depths.at(-1)} events waiting, index ${lags.at(-1)} ms behind`;
  }

  /** The figures as a table. */
  text(options: SoakOptions): string {
    const sum = (of: (report: Report) => number) => this.reports.reduce((total, one) => total + of(one), 0);
    const refused = this.reports.filter(({ status }) => status === 'refused').length;
    const outages = this.outages();
    const { probed, index } = this;
    const rows: [string, string][] = [
      ['options', optionsText(options)],
      ['pushes acknowledged', `${this.pushes} in ${seconds(this.elapsed)}`],
      ['operations', counted(this.operations)],
      ['refused, then tried again', counted(this.refusals) || 'none'],
      ['given up', String(this.failedOperations)],
      ['prunes', `${this.reports.length}, ${refused} of them refused, ${this.pruneErrors.length} failed`],
      ['manifests deleted', String(sum(({ manifests }) => manifests.deleted))],
      ['layer links deleted', String(sum(({ links }) => links.deleted))],
      ['blobs condemned / deleted', `${sum((r) => r.blobs.condemned)} / ${sum((r) => r.blobs.deleted)}`],
      ['blobs rescued by runs', String(sum(({ blobs }) => blobs.rescued))],
      ['blobs restored by the indexer', String(index.restored)],
      ['bytes reclaimed', prettyBytes(sum(({ spaceReclaimed }) => spaceReclaimed))],
      ['keys indexed', `${index.applied}, ${index.postponed} put off`],
      ['index lag p50 / p99 / most', `${percentiles(this.lags)}`],
      ['events waiting, most', String(Math.max(0, ...this.depths))],
      ['looks at images', String(probed.looks)],
      ['images seen incomplete', String(outages.filter((duration) => duration > 0).length)],
      ['unpullable p99 / most', `${percentile(outages, 0.99)} ms / ${outages.at(-1) ?? 0} ms`],
      ['the longest', this.#longest() || 'none'],
    ];
    const table = new Table({
      chars: NO_LINES,
      style: { head: [], border: [] },
      colWidths: [32, 84],
      wordWrap: true,
    });
    table.push(...rows);
    return table.toString();
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function counted(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name}: ${count}`).join(', ');
}

function optionsText({ seed, clients, grace, quarantine, healing }: SoakOptions): string {
  return `seed ${seed}, ${clients} clients, grace ${grace}, quarantine ${quarantine}, healing ${healing ? 'on' : 'off'}`;
}

const NO_LINES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
const seconds = (milliseconds: number): string => `${(milliseconds / 1_000).toFixed(1)} s`;

function percentiles(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  return `${percentile(sorted, 0.5)} / ${percentile(sorted, 0.99)} / ${sorted.at(-1) ?? 0} ms`;
}

/** @param sorted least first. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}
