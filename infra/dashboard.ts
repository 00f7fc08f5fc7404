import { Duration } from 'aws-cdk-lib';
import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  PeriodOverride,
  SingleValueWidget,
  Stats,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Watched } from './alarms.ts';
import { registryMetric } from './metrics.ts';

export interface RegistryDashboardProps extends Watched {
  readonly alarms: Readonly<Record<string, Alarm>>;
}

const HOUR = Duration.hours(1);
const DAY = Duration.days(1);
const MINUTES = Duration.minutes(5);
const HALF = 12;
const THIRD = 8;

/** What was reclaimed, how the runs went, and whether the index follows. */
export class RegistryDashboard extends Construct {
  readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, { alarms, ...watched }: RegistryDashboardProps) {
    super(scope, id);
    this.dashboard = new Dashboard(this, 'Dashboard', {
      defaultInterval: Duration.days(14),
      periodOverride: PeriodOverride.INHERIT,
    });
    this.dashboard.addWidgets(
      new AlarmStatusWidget({ title: 'Alarms', alarms: Object.values(alarms), width: 24, height: 3 }),
    );
    for (const row of [bytes(watched), runs(watched), index(watched), functions(watched)])
      this.dashboard.addWidgets(...row);
  }
}

function bytes({ bucketName }: Watched) {
  const of = { bucketName, period: HOUR, statistic: Stats.SUM };
  return [
    graph('Bytes', THIRD, [
      registryMetric('prune', 'BytesReclaimed', { ...of, label: 'reclaimed' }),
      registryMetric('prune', 'BytesCondemned', { ...of, label: 'condemned, to go after the quarantine' }),
    ]),
    // S3 measures once a day, and does not tell current versions from others.
    graph('In the bucket, once a day, noncurrent versions included', THIRD, [
      new Metric({
        namespace: 'AWS/S3',
        metricName: 'BucketSizeBytes',
        dimensionsMap: { BucketName: bucketName, StorageType: 'StandardStorage' },
        statistic: Stats.AVERAGE,
        period: DAY,
        label: 'bytes (Standard)',
      }),
    ]),
    graph('Manifests and blobs', THIRD, [
      registryMetric('prune', 'ManifestsExamined', { ...of, label: 'manifests examined' }),
      registryMetric('prune', 'ManifestsDeleted', { ...of, label: 'manifests deleted' }),
      registryMetric('prune', 'BlobsCondemned', { ...of, label: 'blobs condemned' }),
      registryMetric('prune', 'BlobsDeleted', { ...of, label: 'blobs deleted' }),
    ]),
  ];
}

function runs({ bucketName }: Watched) {
  const of = { bucketName, period: HOUR, statistic: Stats.SUM };
  const most = { bucketName, statistic: Stats.MAXIMUM };
  return [
    graph('Runs', THIRD, [
      registryMetric('prune', 'RunsSucceeded', { ...of, label: 'succeeded' }),
      registryMetric('prune', 'RunsRefused', { ...of, label: 'refused' }),
      registryMetric('prune', 'RunErrors', { ...of, label: 'failed' }),
    ]),
    graph('How long a run takes (ms)', THIRD, [
      registryMetric('prune', 'RunDuration', { ...most, period: HOUR, label: 'longest' }),
    ]),
    new SingleValueWidget({
      title: 'Since the last successful run (s)',
      width: THIRD,
      metrics: [registryMetric('heartbeat', 'TimeSinceSuccess', { ...most, period: MINUTES })],
    }),
  ];
}

function index({ bucketName, queue, deadLetters, failures }: Watched) {
  const of = { bucketName, period: MINUTES };
  const most = { period: MINUTES, statistic: Stats.MAXIMUM };
  return [
    graph('How far the index is behind (s)', THIRD, [
      registryMetric('heartbeat', 'IndexLag', { ...of, statistic: Stats.MAXIMUM, label: 'index lag' }),
      queue.metricApproximateAgeOfOldestMessage({ ...most, label: 'oldest change in the queue' }),
    ]),
    graph('Messages', THIRD, [
      queue.metricApproximateNumberOfMessagesVisible({ ...most, label: 'changes waiting' }),
      deadLetters.metricApproximateNumberOfMessagesVisible({ ...most, label: 'dead letters' }),
      failures.metricApproximateNumberOfMessagesVisible({ ...most, label: 'failed runs' }),
    ]),
    graph('Blobs needed after they went', THIRD, [
      registryMetric('index', 'BlobsRestored', { ...of, statistic: Stats.SUM, label: 'restored' }),
      registryMetric('index', 'BlobsLost', { ...of, statistic: Stats.SUM, label: 'lost' }),
    ]),
  ];
}

function functions({ functions: all }: Watched) {
  const named = Object.entries(all).filter(([, one]) => one !== undefined);
  return [
    graph(
      'Errors and throttled invocations',
      HALF,
      named.flatMap(([name, one]) => [
        one.metricErrors({ period: MINUTES, label: `${name} errors` }),
        one.metricThrottles({ period: MINUTES, label: `${name} throttled` }),
      ]),
    ),
    graph(
      'Duration of the functions (ms, longest)',
      HALF,
      named.map(([name, one]) =>
        one.metricDuration({ period: MINUTES, statistic: Stats.MAXIMUM, label: name }),
      ),
    ),
  ];
}

const graph = (title: string, width: number, left: IMetric[]): GraphWidget =>
  new GraphWidget({ title, width, left, leftYAxis: { min: 0, showUnits: false } });
