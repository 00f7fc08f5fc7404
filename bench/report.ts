/** A benchmark's results as a person reads them. */
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { BenchResult } from './bench.ts';
import { MIB } from './checks.ts';
import type { Phase, Requests } from './phases.ts';
import { total } from './totals.ts';

export function resultText(result: BenchResult): string {
  const { options, registry, memory, failures } = result;
  return [
    `${options.scenario}: ${count(registry.images)} images, ${count(registry.manifests)} manifests in `,
    `${count(registry.repositories)} repositories, ${count(registry.blobs)} blobs of ${prettyBytes(registry.bytes)}; `,
    `garbage: ${count(registry.garbageManifests)} manifests, ${count(registry.garbageBlobs)} blobs of `,
    `${prettyBytes(registry.garbageBytes)}. Seed ${options.seed}, Node ${process.version}.\n`,
    costs(result),
    requests(result.phases),
    `At most ${mib(memory.max)} MiB resident in the measured process, of which ${mib(memory.baseline)} MiB before the `,
    `first phase; allowed are ${options.maxRssMib} MiB. V8's heap may grow to ${mib(memory.heapLimit)} MiB. `,
    `The stores are in a process of their own: ${mib(memory.generated)} MiB, ${mib(memory.stores)} MiB at the end.\n`,
    ...failures.map((failure) => `FAILED: ${failure}\n`),
    '\n',
  ].join('');
}

function costs({ phases, things: { manifests, blobs } }: BenchResult): string {
  const head = ['', ...phases.map(({ name }) => name)];
  const line = (name: string, of: (phase: Phase) => string): string[] => [name, ...phases.map(of)];
  const per = (total: number, things: number): string => (things === 0 ? '–' : (total / things).toFixed(2));
  return table(head, [
    line('wall s, modelled', ({ seconds }) => seconds.toFixed(1)),
    line('bound by', ({ bound }) => bound.by),
    line('used most', ({ bound: { shares } }) => `${Math.round((shares[0]?.share ?? 0) * 100)} %`),
    line('throttled', ({ throttled }) => count(throttled)),
    line('CPU s', ({ usage }) => usage.cpuSeconds.toFixed(1)),
    line('CPU µs per blob', ({ usage }) => per(usage.cpuSeconds * 1e6, blobs)),
    line('peak RSS MiB', ({ usage }) => mib(usage.peakRss)),
    line('peak heap MiB', ({ usage }) => mib(usage.peakHeap)),
    line('DynamoDB requests', ({ dynamodb }) => count(total(dynamodb))),
    line('… per manifest', ({ dynamodb }) => per(total(dynamodb), manifests)),
    line('… per blob', ({ dynamodb }) => per(total(dynamodb), blobs)),
    line('read units', ({ units }) => count(units.read)),
    line('write units', ({ units }) => count(units.write)),
    line('S3 requests', ({ s3 }) => count(total(s3))),
    line('… per manifest', ({ s3 }) => per(total(s3), manifests)),
    line('… per blob', ({ s3 }) => per(total(s3), blobs)),
    line('dollars', ({ dollars }) => dollars.toFixed(4)),
  ]);
}

function requests(phases: readonly Phase[]): string {
  const rows = (service: string, of: (phase: Phase) => Requests): string[][] => {
    const operations = new Set(phases.flatMap((phase) => Object.keys(of(phase))));
    return [...operations]
      .sort()
      .map((operation) => [
        `${service} ${operation}`,
        ...phases.map((phase) => count(of(phase)[operation] ?? 0)),
      ]);
  };
  const head = ['', ...phases.map(({ name }) => name)];
  return table(head, [...rows('DynamoDB', ({ dynamodb }) => dynamodb), ...rows('S3', ({ s3 }) => s3)]);
}

/** Without colours, numbers to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const colAligns = head.map((_, column) => (column === 0 ? ('left' as const) : ('right' as const)));
  const made = new Table({ head: [...head], colAligns, style: { head: [], border: [], compact: true } });
  made.push(...rows.map((row) => [...row]));
  return `${made.toString()}\n`;
}

const count = (number: number): string => Math.round(number).toLocaleString('en');
const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
