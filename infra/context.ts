/** What `cdk deploy -c name=value` says, as properties of the stack. */
import { Duration } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { parseGoDuration } from '../lambdas/filters/go-duration.ts';
import type { PruneScheduleProps } from './prune-schedule.ts';
import type { RegistryPruneStackProps } from './stack.ts';

/** Every name, and an example of its value. */
const EXAMPLES = {
  bucket: 'my-registry',
  root: '/registry',
  key: 'arn:aws:kms:eu-central-1:111122223333:key/…',
  grace: '24h',
  quarantine: '24h',
  maxIndexLag: '15m',
  undoWindow: '336h',
  filters: '{"until":["168h"]}',
  allowUnversioned: 'true',
  maxManifestShare: '50',
  maxByteShare: '50',
  schedule: 'cron(0 3 * * ? *)',
  timeZone: 'Europe/Berlin',
  every: '24h',
  enabled: 'false',
  bus: 'own',
  pullTimes: 'true',
  alarmTopic: 'arn:aws:sns:eu-central-1:111122223333:alarms',
  email: 'team@example.com',
  distributed: 'deep',
  depth: '200000',
  workers: '8',
  concurrency: '16',
  pace: '1000',
  reservedConcurrency: '1',
  indexConcurrency: '10',
  reindexWorkers: '16',
  inventoryBucket: 'my-inventories',
  logRetentionDays: '90',
} as const;

type Name = keyof typeof EXAMPLES;

/** The CDK's own context, which the command line and `cdk.json` bring. */
const FOREIGN = /[:/-]/;

/**
 * Reads the stack's properties from the context.
 *
 * @throws Error that names an unknown name, or the value got and an example of those allowed: a misspelt name would
 *   otherwise leave a default in force unseen.
 */
export function readContext(context: Readonly<Record<string, unknown>>): RegistryPruneStackProps {
  const unknown = Object.keys(context).filter(
    (name) => !FOREIGN.test(name) && !Object.hasOwn(EXAMPLES, name),
  );
  if (unknown.length > 0) {
    throw new Error(`unknown context ${unknown.join(', ')}: allowed are ${Object.keys(EXAMPLES).join(', ')}`);
  }
  const read = <T>(name: Name, parse: (value: string) => T | undefined): T | undefined => {
    const value = context[name];
    if (value === undefined || value === '') return undefined;
    const parsed = parse(typeof value === 'string' ? value : JSON.stringify(value));
    if (parsed !== undefined) return parsed;
    throw new Error(`context ${name}: got ${JSON.stringify(value)}, allowed is such as ${EXAMPLES[name]}`);
  };
  const bus = read('bus', text);
  const schedule: PruneScheduleProps = defined({
    expression: read('schedule', text),
    timeZone: read('timeZone', text),
    every: read('every', duration),
    enabled: read('enabled', flag),
  });
  const distributed = defined({
    when: read('distributed', when),
    depth: read('depth', whole),
    workers: read('workers', whole),
    concurrency: read('concurrency', whole),
    pace: read('pace', whole),
  });
  return defined({
    bucketName: read('bucket', text),
    rootDirectory: read('root', text),
    bucketKeyArn: read('key', text),
    grace: read('grace', duration),
    quarantine: read('quarantine', duration),
    maxIndexLag: read('maxIndexLag', duration),
    undoWindow: read('undoWindow', duration),
    defaultFilters: read('filters', filters),
    allowUnversioned: read('allowUnversioned', flag),
    maxManifestShare: read('maxManifestShare', percent),
    maxByteShare: read('maxByteShare', percent),
    schedule,
    distributed: Object.keys(distributed).length === 0 ? undefined : distributed,
    eventBus: bus === undefined || bus === 'own' ? bus : { name: bus },
    pullTimes: read('pullTimes', flag),
    alarmTopicArn: read('alarmTopic', text),
    alarmEmail: read('email', text),
    reservedConcurrency: read('reservedConcurrency', whole),
    indexConcurrency: read('indexConcurrency', whole),
    reindexWorkers: read('reindexWorkers', whole),
    inventoryBucket: read('inventoryBucket', text),
    logRetention: read('logRetentionDays', retention),
  });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without what is not given, so that the defaults are the constructs' own. */
function defined<T extends object>(values: T): Partial<Defined<T>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<
    Defined<T>
  >;
}

const text = (value: string): string => value;

const when = (value: string) => (['never', 'deep', 'always'] as const).find((one) => one === value);

function flag(value: string): boolean | undefined {
  if (value === 'true') return true;
  return value === 'false' ? false : undefined;
}

/** `75`, or `75%`; how much it may be is checked with the other settings. */
const percent = (value: string): number | undefined =>
  /^\d{1,3}(\.\d+)?%?$/.test(value) ? Number(value.replace('%', '')) : undefined;

const whole = (value: string): number | undefined => (/^\d{1,9}$/.test(value) ? Number(value) : undefined);

function duration(value: string): Duration | undefined {
  const parsed = parseGoDuration(value);
  if ('problem' in parsed || parsed.nanoseconds < 0n) return undefined;
  return Duration.seconds(Math.ceil(Number(parsed.nanoseconds / 1_000_000n) / 1000));
}

function retention(value: string): RetentionDays | undefined {
  const days = whole(value);
  return days !== undefined && RetentionDays[days] !== undefined ? days : undefined;
}

/** What is in them is checked with the other settings. */
function filters(value: string): Readonly<Record<string, readonly string[]>> | undefined {
  try {
    const parsed: unknown = JSON.parse(value);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? { ...parsed }
      : undefined;
  } catch {
    return undefined;
  }
}
