/** A benchmark's result as a person reads it. */
import Table from 'cli-table3';
import prettyBytes from 'pretty-bytes';
import type { BenchResult } from './bench.ts';
import { MIB } from './checks.ts';
import type { Phase, Requests } from './phases.ts';

export function resultText(result: BenchResult): string {
  const { options, registry, memory, failures } = result;
  const { manifests, blobs } = registry;
  return [
    `${count(manifests)} manifests in ${registry.repositories} repositories (${count(registry.indexes)} indexes, `,
    `${count(registry.referrers)} referrers), ${count(blobs)} blobs of ${prettyBytes(registry.bytes)}, `,
    `${count(registry.objects)} objects; garbage: ${count(registry.garbageManifests)} manifests, `,
    `${count(registry.garbageBlobs)} blobs of ${prettyBytes(registry.garbageBytes)}. `,
    `Seed ${options.seed}, ${options.mode}, Node ${process.version}.\n\n`,
    'What each phase takes (requests are answered by another process on this machine, without a network):\n',
    costs(result),
    '\nRequests by kind:\n',
    requests(result.phases),
    '\n',
    `Memory: at most ${mib(memory.max)} MiB resident in the measured process, of which ${mib(memory.baseline)} MiB `,
    `before the first phase; allowed are ${options.maxRssMib} MiB. V8's heap may grow to ${mib(memory.heapLimit)} MiB.\n`,
    `The registry and the table are in a process of their own: ${mib(memory.generated)} MiB generated, `,
    `${mib(memory.stores)} MiB at the end.\n`,
    failures.length === 0
      ? 'Checked: live images whole, garbage gone, bytes reclaimed as announced and as left, index in line.\n'
      : failures.map((failure) => `FAILED: ${failure}\n`).join(''),
  ].join('');
}

function costs({ phases, registry: { manifests, blobs } }: BenchResult): string {
  const head = ['', ...phases.map(({ name }) => name)];
  const line = (name: string, of: (phase: Phase) => string): string[] => [name, ...phases.map(of)];
  const per = (total: number, things: number): string => (total / things).toFixed(2);
  return table(head, [
    line('wall s, modelled', ({ seconds }) => seconds.toFixed(1)),
    line('throttled', ({ throttled }) => count(throttled)),
    line('CPU s', ({ usage }) => usage.cpuSeconds.toFixed(1)),
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

const total = (requests: Requests): number =>
  Object.values(requests).reduce((sum, number) => sum + number, 0);
const count = (number: number): string => Math.round(number).toLocaleString('en');
const mib = (bytes: number): string => (bytes / MIB).toFixed(0);
