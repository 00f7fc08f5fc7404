import { Match, type Template } from 'aws-cdk-lib/assertions';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { describe, expect, test } from 'vitest';
import { readConfiguration } from '../../lambdas/configuration.ts';
import { templateOf } from './temporary-app.ts';

interface Function {
  readonly id: string;
  readonly properties: {
    readonly Description: string;
    readonly Environment: { readonly Variables: Readonly<Record<string, unknown>> };
    readonly [name: string]: unknown;
  };
}

/** All but the CDK's own handler. */
function functionsOf(template: Template): Function[] {
  return Object.entries(template.findResources('AWS::Lambda::Function'))
    .map(([id, { Properties: properties }]) => ({ id, properties }))
    .filter(({ id }) => !id.startsWith('BucketNotificationsHandler'));
}

const everything = () => functionsOf(templateOf({ bucketName: 'my-registry', pullTimes: true }));

describe('each function', () => {
  test('runs on Node 24 and arm64, with memory, time and a log of its own, and traces that name the sources', () => {
    expect(everything().map(({ id }) => id.replace(/Function[0-9A-F]{8}$/, ''))).toEqual([
      'RestoreRestorer',
      'IndexIndexer',
      'HeartbeatWriter',
      'PrunePruner',
      'PruneDistributedWorker',
      'PruneDistributedStart',
      'PruneDistributedDecide',
      'PruneDistributedFinish',
      'ReindexNext',
      'ReindexSlice',
      'PullTimesReceiver',
    ]);
    for (const { properties } of everything()) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        MemorySize: expect.any(Number),
        Timeout: expect.any(Number),
        LoggingConfig: { LogGroup: { Ref: expect.stringContaining('Log') } },
        Environment: { Variables: { NODE_OPTIONS: '--enable-source-maps' } },
      });
    }
    const logs = everything().map(({ properties }) => JSON.stringify(properties['LoggingConfig']));
    expect(new Set(logs).size).toBe(logs.length);
  });

  test('has an environment that it starts with, and the bucket and table of the stack', () => {
    const made = templateOf({ bucketName: 'my-registry', rootDirectory: '/r', pullTimes: true });
    for (const { id, properties } of functionsOf(made)) {
      const { Variables: variables } = properties.Environment;
      expect(variables).toMatchObject({ REGISTRY_BUCKET: 'my-registry' });
      if (/^(Restore|PullTimes)/.test(id)) continue;
      // Known when deployed: the value does not matter here, only that there is one.
      const values = Object.entries(variables).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : name.endsWith('QUEUE') ? 'https://sqs.test/1/q' : 'deployed',
      ]);
      expect(readConfiguration(Object.fromEntries(values), new Date())).toMatchObject({
        bucketName: 'my-registry',
        layout: { prefix: 'r/docker/registry/v2/' },
      });
    }
  });

  test('keeps its log for three months, or as long as one says', () => {
    const days = (template: Template) =>
      Object.values(template.findResources('AWS::Logs::LogGroup')).map(
        (log) => log['Properties'].RetentionInDays,
      );
    // One of each function, and of the machines.
    expect(days(templateOf())).toEqual(Array(12).fill(90));
    expect(days(templateOf({ logRetention: RetentionDays.ONE_YEAR }))).toEqual(Array(12).fill(365));
  });

  test('shares the account’s instances, unless some are kept for the prune', () => {
    const reserved = (template: Template) =>
      functionsOf(template).map(({ id, properties }) => [
        id.slice(0, 5),
        properties['ReservedConcurrentExecutions'],
      ]);
    expect(reserved(templateOf()).map(([, count]) => count)).toEqual(Array(10).fill(undefined));
    expect(reserved(templateOf({ reservedConcurrency: 1 }))).toContainEqual(['Prune', 1]);
    expect(() => templateOf({ reservedConcurrency: 0 })).toThrow(
      'reservedConcurrency is out of range: got 0, allowed are whole numbers from 1 to 100',
    );
  });
});

test('the restore function is told where the registry is and nothing else', () => {
  const [restorer] = functionsOf(templateOf({ bucketName: 'my-registry', rootDirectory: '/r' }));
  expect(restorer?.properties.Environment.Variables).toEqual({
    REGISTRY_BUCKET: 'my-registry',
    REGISTRY_ROOT: '/r',
    NODE_OPTIONS: '--enable-source-maps',
  });
});

describe('pull times', () => {
  test('are not there unless asked for', () => {
    const made = templateOf();
    made.resourceCountIs('AWS::Lambda::Url', 0);
    made.resourceCountIs('AWS::SecretsManager::Secret', 0);
  });

  test('have a public URL and a secret whose value no configuration shows', () => {
    const made = templateOf({ bucketName: 'my-registry', pullTimes: true });
    made.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'NONE' });
    made.hasResourceProperties('AWS::SecretsManager::Secret', {
      GenerateSecretString: { PasswordLength: 40, ExcludePunctuation: true },
      SecretString: Match.absent(),
    });
    const [secret] = Object.keys(made.findResources('AWS::SecretsManager::Secret'));
    const receiver = functionsOf(made).find(({ id }) => id.startsWith('PullTimes'));
    expect(receiver?.properties.Environment.Variables).toMatchObject({
      NOTIFICATION_SECRET_ID: { Ref: secret },
    });
    expect(JSON.stringify(made.toJSON())).not.toContain('resolve:secretsmanager');
    made.hasOutput('NotificationUrl', {});
  });
});

test('the outputs say how to call each function, and set up the command line', () => {
  const made = templateOf({ bucketName: 'my-registry', defaultFilters: { 'label!': ["it's"] } });
  const outputs = made.toJSON()['Outputs'];
  for (const name of ['Prune', 'Index', 'Heartbeat', 'Restore']) {
    expect(outputs[`${name}FunctionName`].Value).toEqual({ Ref: expect.stringMatching(`^${name}`) });
  }
  const parts: unknown[] = outputs.CommandLineEnvironment.Value['Fn::Join'][1];
  const line = parts.map((part) => (typeof part === 'string' ? part : '<>')).join('');
  expect(line).toMatch(/^export AWS_REGION=<> METADATA_TABLE=<> REGISTRY_BUCKET=my-registry /);
  expect(line).toContain(`DEFAULT_FILTERS='{"label!":["it'\\''s"]}'`);
  expect(line).toMatch(/ DEAD_LETTER_QUEUE=<> RESTORE_FUNCTION=<>$/);
});
