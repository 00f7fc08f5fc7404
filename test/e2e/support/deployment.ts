/** The stack "deployed" to moto: the template's queue, rule and environment, its bundles, and the real registry beside. */
import { EventBridgeClient, PutRuleCommand, PutTargetsCommand } from '@aws-sdk/client-eventbridge';
import { PutBucketNotificationConfigurationCommand } from '@aws-sdk/client-s3';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import type { RegistryPruneStackProps } from '../../../infra/stack.ts';
import { type Account, startAccount } from '../../support/deployed/account.ts';
import { type Assembly, type FunctionName, synthesize } from '../../support/deployed/assembly.ts';
import { type Runtime, startFunction } from '../../support/deployed/runtime.ts';
import { type Deployed, resolve, type Template } from '../../support/deployed/template.ts';
import { serveFunction, type UrlFunction } from '../../support/function-url.ts';
import { CREDENTIALS, createBucket, REGION, s3 } from './bucket.ts';
import { type Bus, createBus } from './bus.ts';
import { type CliResult, cliEnvironment, runCli } from './cli.ts';
import { type RegistryClient, registryClient } from './client.ts';
import { startMoto, startRegistry } from './services.ts';
import { JOURNAL_PREFIX, succeeded } from './world.ts';

const ACCOUNT_ID = '123456789012';
const TABLE = 'deployed-metadata';
const SECRET = 'the-secret-of-the-registry';

export interface Deployment {
  readonly assembly: Assembly;
  readonly deployed: Deployed;
  readonly account: Account;
  readonly client: RegistryClient;
  readonly bus: Bus;
  readonly invoke: (name: FunctionName, event: unknown) => Promise<unknown>;
  /** What a schedule sends, by the beginning of its logical id. */
  readonly schedulePayload: (id: string) => unknown;
  /** As the event source does, until the queue is empty. */
  readonly index: () => Promise<void>;
  readonly sendDeadLetter: (body: string) => Promise<void>;
  readonly purgeDeadLetters: () => Promise<void>;
  readonly cli: (...args: string[]) => Promise<string>;
  /** The command line of somebody who may call the prune function and do nothing else. */
  readonly cliByFunction: (...args: string[]) => Promise<CliResult>;
  readonly stop: () => Promise<void>;
}

export async function deploy(bucket: string, props: RegistryPruneStackProps): Promise<Deployment> {
  const running: { readonly stop: () => unknown }[] = [];
  const started = async <T extends { readonly stop: () => unknown }>(starting: Promise<T>): Promise<T> => {
    const service = await starting;
    running.push(service);
    return service;
  };
  const stop = async () => {
    for (const service of running.splice(0).reverse()) await service.stop();
  };
  try {
    const assembly = synthesize({ ...props, bucketName: bucket, pullTimes: true });
    running.push({ stop: assembly.remove });
    const moto = await started(startMoto());
    const options = { endpoint: moto.url, region: REGION, credentials: CREDENTIALS };
    const [events, queues, secrets] = [
      new EventBridgeClient(options),
      new SQSClient(options),
      new SecretsManagerClient(options),
    ];
    await createBucket(moto.url, bucket, { versioned: true });
    const bus = await createBus(moto.url, 'deployed-events');
    const { ARN: secretArn = '' } = await secrets.send(
      new CreateSecretCommand({ Name: 'registry', SecretString: SECRET }),
    );

    const runtimes = new Map<FunctionName, Runtime>();
    const invoke: Deployment['invoke'] = async (name, event) => {
      const runtime = runtimes.get(name);
      if (runtime === undefined) throw new Error(`there is no function ${name}`);
      return await runtime.invoke(event);
    };
    const account = await started(
      startAccount(moto.url, async (functionName, payload) => {
        const one = [...assembly.functions.values()].find(({ logicalId }) => logicalId === functionName);
        if (one === undefined) throw new Error(`there is no function ${functionName}`);
        return await invoke(one.name, payload);
      }),
    );

    const { Resources: resources } = assembly.template;
    const deployed = new Map<string, Record<string, string>>();
    const queueIds = Object.keys(resources).filter((id) => resources[id]?.Type === 'AWS::SQS::Queue');
    // The dead-letter queues first: the other names one of them.
    for (const id of queueIds.sort((a, b) => Number(redrives(assembly, a)) - Number(redrives(assembly, b)))) {
      const { RedrivePolicy: redrive, VisibilityTimeout } = resolve(resources[id]?.Properties, deployed);
      const { QueueUrl: url = '' } = await queues.send(
        new CreateQueueCommand({
          QueueName: id,
          Attributes: {
            ...(redrive === undefined ? {} : { RedrivePolicy: JSON.stringify(redrive) }),
            ...(VisibilityTimeout === undefined ? {} : { VisibilityTimeout: String(VisibilityTimeout) }),
          },
        }),
      );
      // The SDK sends to the queue's own URL, whatever its endpoint.
      const ref = url.replace(moto.url, account.url);
      deployed.set(id, { Ref: ref, Arn: arn('sqs', id) });
    }
    for (const [id, name] of namesOf(resources, { secretArn, busName: bus.name })) deployed.set(id, name);

    const [rule] = Object.values(resources).filter(({ Type }) => Type === 'AWS::Events::Rule');
    const pattern = resolve(rule?.Properties['EventPattern'], deployed);
    await events.send(new PutRuleCommand({ Name: 'changes', EventPattern: JSON.stringify(pattern) }));
    const queueId = queueIds.find((id) => redrives(assembly, id)) ?? '';
    await events.send(
      new PutTargetsCommand({
        Rule: 'changes',
        Targets: [{ Id: 'queue', Arn: deployed.get(queueId)?.['Arn'] }],
      }),
    );
    await s3(moto.url).send(
      new PutBucketNotificationConfigurationCommand({
        Bucket: bucket,
        NotificationConfiguration: { EventBridgeConfiguration: {} },
      }),
    );

    for (const one of assembly.functions.values()) {
      const environment = {
        ...resolve(one.environment, deployed),
        AWS_ENDPOINT_URL: account.url,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: one.name,
        AWS_SECRET_ACCESS_KEY: 'secret',
      };
      runtimes.set(one.name, await started(startFunction(one, environment)));
    }

    const settings = {
      endpoint: moto.url,
      table: TABLE,
      bucket,
      bus: bus.name,
      journalPrefix: JOURNAL_PREFIX,
    };
    const cli: Deployment['cli'] = async (...args) =>
      succeeded(await runCli(args, cliEnvironment({ ...settings, grace: '0s', quarantine: '0s' }))).stdout;
    const cliByFunction: Deployment['cliByFunction'] = (...args) => {
      const caller = {
        AWS_ENDPOINT_URL_LAMBDA: account.url,
        AWS_REGION: REGION,
        AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      };
      return runCli([...args, '--function', assembly.functions.get('Prune')?.logicalId ?? ''], caller);
    };
    await cli('init');
    const webhook = await started(serveFunction(((event) => invoke('Notification', event)) as UrlFunction));
    const registry = await started(
      startRegistry({ s3Endpoint: moto.url, bucket, notifications: { url: webhook.url, secret: SECRET } }),
    );

    const url = (id: string): string => deployed.get(id)?.['Ref'] ?? '';
    const [source] = Object.values(resources).filter(
      ({ Type }) => Type === 'AWS::Lambda::EventSourceMapping',
    );
    const index = async () => {
      const counts = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed'] as const;
      for (;;) {
        const { Messages: messages = [] } = await queues.send(
          new ReceiveMessageCommand({
            QueueUrl: url(queueId),
            MaxNumberOfMessages: source?.Properties['BatchSize'],
          }),
        );
        const records = messages.map(({ MessageId: messageId, Body: body }) => ({ messageId, body }));
        if (records.length === 0) {
          const { Attributes: attributes = {} } = await queues.send(
            new GetQueueAttributesCommand({ QueueUrl: url(queueId), AttributeNames: [...counts] }),
          );
          if (counts.every((name) => Number(attributes[name]) === 0)) return;
          continue;
        }
        const { batchItemFailures: failures } = (await invoke('Index', {
          Records: records,
        })) as SQSBatchResponse;
        if (failures.length > 0) throw new Error(`not indexed: ${JSON.stringify(failures)}`);
        for (const { ReceiptHandle } of messages)
          await queues.send(new DeleteMessageCommand({ QueueUrl: url(queueId), ReceiptHandle }));
      }
    };
    const deadId = queueIds.find((id) => id.startsWith('IndexDeadLetters')) ?? '';
    return {
      ...{ assembly, deployed, account, bus, invoke, index, cli, cliByFunction, stop },
      client: registryClient(registry.url),
      schedulePayload: (id) => {
        const found = Object.entries(resources).find(
          ([one, { Type }]) => Type === 'AWS::Scheduler::Schedule' && one.startsWith(id),
        );
        return JSON.parse(found?.[1].Properties['Target'].Input);
      },
      sendDeadLetter: async (body) => {
        await queues.send(new SendMessageCommand({ QueueUrl: url(deadId), MessageBody: body }));
      },
      purgeDeadLetters: async () => {
        await queues.send(new PurgeQueueCommand({ QueueUrl: url(deadId) }));
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const redrives = ({ template }: Assembly, id: string): boolean =>
  template.Resources[id]?.Properties['RedrivePolicy'] !== undefined;

const arn = (service: string, rest: string): string => `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${rest}`;

/** What the template's resources are called here, its queues aside, which SQS names. */
function namesOf(
  resources: Template['Resources'],
  { secretArn, busName }: { readonly secretArn: string; readonly busName: string },
): Deployed {
  const nameOf = (type: string, id: string): Readonly<Record<string, string>> | undefined => {
    if (type === 'AWS::DynamoDB::GlobalTable') return { Ref: TABLE, Arn: arn('dynamodb', `table/${TABLE}`) };
    if (type === 'AWS::Lambda::Function') return { Ref: id, Arn: arn('lambda', `function:${id}`) };
    if (type === 'AWS::Logs::LogGroup') return { Arn: arn('logs', `log-group:${id}:*`) };
    if (type === 'AWS::SecretsManager::Secret') return { Ref: secretArn };
    if (type === 'AWS::Events::EventBus')
      return { Ref: busName, Name: busName, Arn: arn('events', `event-bus/${busName}`) };
    return undefined;
  };
  return new Map(
    Object.entries(resources).flatMap(([id, { Type }]) => {
      const name = nameOf(Type, id);
      return name === undefined ? [] : [[id, name] as const];
    }),
  );
}
