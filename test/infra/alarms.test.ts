import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { METRICS, SERVICE } from '../../lambdas/metric-names.ts';
import { ROOT, templateOf } from './temporary-app.ts';

const ALARM = 'AWS::CloudWatch::Alarm';

interface Alarm {
  readonly about: string;
  readonly properties: Readonly<Record<string, unknown>> & { readonly AlarmDescription: string };
}

const alarmsOf = (template: Template): Alarm[] =>
  Object.values(template.findResources(ALARM)).map(({ Properties: properties }) => ({
    about: /docs\/operations\.md#([a-z-]+)$/.exec(properties.AlarmDescription)?.[1] ?? '',
    properties,
  }));

function alarm(about: string, template = templateOf({ bucketName: 'my-registry', pullTimes: true })) {
  return alarmsOf(template).find((one) => one.about === about)?.properties;
}

const ownMetric = (service: keyof typeof SERVICE, name: string) => ({
  Namespace: 'RegistryPrune',
  MetricName: name,
  Dimensions: [
    { Name: 'Bucket', Value: 'my-registry' },
    { Name: 'service', Value: SERVICE[service] },
  ],
});

test('there is one for each thing that an operator has to know of', () => {
  const all = alarmsOf(templateOf({ pullTimes: true })).map(({ about }) => about);
  expect(all.sort()).toEqual([
    'blob-lost',
    'blob-restored',
    'dead-letters',
    'duration-of-a-prune',
    'duration-of-the-index',
    'function-errors',
    'index-lag',
    'no-successful-run',
    'notifications-failed',
    'queue-age',
    'reindex-failed',
    'run-failed',
    'run-refused',
    'throttles',
  ]);
  expect(alarmsOf(templateOf()).map(({ about }) => about)).not.toContain('notifications-failed');
});

describe('the alarm', () => {
  test.each([
    ['run-refused', ownMetric('prune', 'RunsRefused'), 1, 'notBreaching'],
    ['no-successful-run', ownMetric('heartbeat', 'TimeSinceSuccess'), 2 * 86_400, 'ignore'],
    ['index-lag', ownMetric('heartbeat', 'IndexLag'), 900, 'breaching'],
    ['blob-lost', ownMetric('index', 'BlobsLost'), 1, 'notBreaching'],
    ['blob-restored', ownMetric('index', 'BlobsRestored'), 1, 'notBreaching'],
    ['notifications-failed', ownMetric('notifications', 'NotificationsFailed'), 1, 'notBreaching'],
    [
      'dead-letters',
      { Namespace: 'AWS/SQS', MetricName: 'ApproximateNumberOfMessagesVisible' },
      1,
      'notBreaching',
    ],
    ['queue-age', { Namespace: 'AWS/SQS', MetricName: 'ApproximateAgeOfOldestMessage' }, 900, 'notBreaching'],
    ['duration-of-the-index', { Namespace: 'AWS/Lambda', MetricName: 'Duration' }, 48_000, 'notBreaching'],
    ['duration-of-a-prune', { Namespace: 'AWS/Lambda', MetricName: 'Duration' }, 890_000, 'notBreaching'],
  ])('%s', (about, metric, threshold, missing) => {
    expect(alarm(about)).toMatchObject({
      ...metric,
      Threshold: threshold,
      TreatMissingData: missing,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    });
  });

  test.each([
    [
      'run-failed',
      [
        ...['ApproximateNumberOfMessagesVisible', 'RunErrors'],
        ...['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted'],
      ],
    ],
    ['reindex-failed', ['ExecutionsFailed', 'ExecutionsTimedOut', 'ExecutionsAborted']],
    ['function-errors', Array(5).fill('Errors')],
    ['throttles', Array(5).fill('Throttles')],
  ])('%s counts where nothing is published too', (about, names) => {
    const metrics = alarm(about)?.['Metrics'] as { Expression?: string; MetricStat?: { Metric: object } }[];
    const [expression] = metrics.flatMap(({ Expression }) => Expression ?? []);
    expect(expression?.split(' + ').every((term) => /^FILL\(\w+, 0\)$/.test(term))).toBe(true);
    expect(metrics.flatMap(({ MetricStat }) => MetricStat?.Metric ?? [])).toEqual(
      names.map((MetricName: string) => expect.objectContaining({ MetricName })),
    );
  });

  test.each(['function-errors', 'throttles'])('%s leaves to a machine what it tries again', (about) => {
    expect(JSON.stringify(alarm(about))).not.toMatch(/Reindex|Distributed/);
  });

  test('of dead letters is on the queue that a run looks at', () => {
    const template = templateOf();
    const [queue] = Object.keys(template.findResources('AWS::SQS::Queue')).filter((id) =>
      id.startsWith('IndexDeadLetters'),
    );
    expect(alarm('dead-letters', template)?.['Dimensions']).toEqual([
      { Name: 'QueueName', Value: { 'Fn::GetAtt': [queue, 'QueueName'] } },
    ]);
  });

  test('follows the settings', () => {
    const template = templateOf({
      bucketName: 'my-registry',
      maxIndexLag: Duration.hours(1),
      schedule: { expression: 'cron(0 3 ? * SUN *)', every: Duration.days(7) },
      alarmThresholds: { queueAgeSeconds: 60, functionErrors: 5 },
    });
    expect(alarm('index-lag', template)?.['Threshold']).toBe(3600);
    // A gauge: CloudWatch would not look back two weeks.
    expect(alarm('no-successful-run', template)).toMatchObject({ Threshold: 14 * 86_400, Period: 300 });
    expect(alarm('queue-age', template)?.['Threshold']).toBe(60);
    expect(alarm('function-errors', template)?.['Threshold']).toBe(5);
  });

  test.each([
    [
      { queueAgeSeconds: 0 },
      'thresholds.queueAgeSeconds is out of range: got 0, allowed are whole numbers from 1 to',
    ],
    [{ functionErrors: 0.5 }, 'thresholds.functionErrors is out of range: got 0.5'],
    [{ throttles: -1 }, 'thresholds.throttles is out of range: got -1'],
    [{ indexDurationPercent: 101 }, 'thresholds.indexDurationPercent is out of range: got 101'],
  ])('cannot be raised at %j', (alarmThresholds, message) => {
    expect(() => templateOf({ alarmThresholds })).toThrow(message);
  });
});

describe('alarms go', () => {
  const TOPIC = 'arn:aws:sns:eu-central-1:111122223333:alarms';

  test('nowhere by themselves', () => {
    templateOf().resourcePropertiesCountIs(ALARM, { AlarmActions: Match.anyValue() }, 0);
  });

  test('to a topic, as does that they are over', () => {
    for (const { properties } of alarmsOf(templateOf({ alarmTopicArn: TOPIC })))
      expect(properties).toMatchObject({ AlarmActions: [TOPIC], OKActions: [TOPIC] });
  });

  test('to an address, by a topic that CloudWatch may use and that takes nothing in the clear', () => {
    const template = templateOf({ alarmEmail: 'team@example.com' });
    template.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'team@example.com',
    });
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({
            Action: 'sns:Publish',
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
          }),
        ]),
      },
    });
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const { properties } of alarmsOf(template))
      expect(properties).toMatchObject({ AlarmActions: [{ Ref: topic }] });
  });

  test.each([
    [{ alarmEmail: 'team' }, 'alarmEmail cannot be "team": allowed are addresses such as team@example.com'],
    [{ alarmTopicArn: 'alarms' }, 'alarmTopicArn cannot be "alarms": allowed are ARNs of SNS topics'],
    [
      { alarmTopicArn: TOPIC, alarmEmail: 'team@example.com' },
      'alarmEmail (team@example.com) cannot be given with alarmTopicArn: subscribe it to that topic',
    ],
  ])('not to %j', (props, message) => {
    expect(() => templateOf(props)).toThrow(message);
  });
});

describe('the dashboard', () => {
  /** The metrics of each widget, as CloudWatch takes them. */
  const metricsOf = (template: Template): unknown[][] => {
    const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
    const parts: unknown[] = dashboard?.['Properties'].DashboardBody['Fn::Join'][1];
    const body = JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'deployed')).join(''));
    return body.widgets.flatMap(
      (widget: { properties: { metrics?: unknown[][] } }) => widget.properties.metrics ?? [],
    );
  };

  test('shows bytes, manifests, runs, lag and queues', () => {
    const shown = metricsOf(templateOf({ bucketName: 'my-registry' })).map(([, name]) => name);
    expect(shown).toEqual(
      expect.arrayContaining([
        ...['BytesReclaimed', 'BytesCondemned', 'BucketSizeBytes', 'ManifestsExamined', 'ManifestsDeleted'],
        ...['RunsSucceeded', 'RunsRefused', 'RunErrors', 'RunDuration', 'TimeSinceSuccess', 'IndexLag'],
        ...[
          'ApproximateAgeOfOldestMessage',
          'ApproximateNumberOfMessagesVisible',
          'BlobsRestored',
          'BlobsLost',
        ],
      ]),
    );
  });

  test('shows no metric that no function publishes', () => {
    const own = metricsOf(templateOf({ bucketName: 'my-registry' })).filter(
      ([space]) => space === 'RegistryPrune',
    );
    expect(own.length).toBeGreaterThan(10);
    const services = new Map<unknown, readonly string[]>(
      Object.entries(METRICS).map(([service, names]) => [SERVICE[service as keyof typeof SERVICE], names]),
    );
    for (const [, name, ...dimensions] of own) {
      expect(dimensions.slice(0, 4)).toEqual(['Bucket', 'my-registry', 'service', expect.any(String)]);
      expect(services.get(dimensions[3])).toContain(name);
    }
  });
});

test('docs/operations.md says of each alarm what to do', () => {
  const operations = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');
  const sections = [...operations.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
  const alarms = alarmsOf(templateOf({ pullTimes: true })).map(({ about }) => about);
  expect(sections.sort()).toEqual(alarms.sort());
});
