import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { templateOf } from './temporary-app.ts';

/**
 * The stack turns on the events of a bucket that others have set up. The handler is the CDK's own, taken out of the
 * template as it is deployed, so that a new version of it which would lose what is there does not go unseen.
 */
describe('the events of a bucket that exists', () => {
  const others = {
    QueueConfigurations: [
      {
        Id: 'scanner',
        QueueArn: 'arn:aws:sqs:eu-central-1:111122223333:scanner',
        Events: ['s3:ObjectCreated:*'],
        Filter: { Key: { FilterRules: [{ Name: 'prefix', Value: 'docker/' }] } },
      },
    ],
    TopicConfigurations: [
      {
        Id: 'audit',
        TopicArn: 'arn:aws:sns:eu-central-1:111122223333:audit',
        Events: ['s3:ObjectRemoved:*'],
      },
    ],
    LambdaFunctionConfigurations: [],
  };
  const none = { QueueConfigurations: [], TopicConfigurations: [], LambdaFunctionConfigurations: [] };

  /** The handler's own update would set the ids of others' notifications to nothing. */
  it('are never updated: those of another bucket are another resource', () => {
    const idOf = (bucketName: string) =>
      Object.keys(templateOf({ bucketName }).findResources('Custom::S3BucketNotifications'));
    expect(idOf('my-registry')).toHaveLength(1);
    expect(idOf('my-registry')).toEqual(idOf('my-registry'));
    expect(idOf('my-registry')).not.toEqual(idOf('another-registry'));
  });

  it.each([
    ['nothing', none],
    ['a queue and a topic of others', others],
    ['a queue, a topic and EventBridge', { ...others, EventBridgeConfiguration: {} }],
  ])('are turned on and stay on, and where there was %s it is there still', (_, before) => {
    const answers = invoke(['Create', 'Delete'], before);
    expect(answers.map(({ status }) => status)).toEqual(['SUCCESS', 'SUCCESS']);
    for (const { configuration } of answers)
      expect(configuration).toEqual({ ...before, EventBridgeConfiguration: {} });
  });

  it('fail to be turned on where there is no such bucket, and the deployment says so', () => {
    expect(invoke(['Create'], null)).toEqual([
      { status: 'FAILED', reason: expect.stringContaining('NoSuchBucket'), configuration: null },
    ]);
  });
});

/** What Lambda does with the code, over an S3 that is a variable and a CloudFormation that is a list. */
const PYTHON = `
import copy, io, json, sys, types, urllib.request
given = json.load(sys.stdin)

class S3:
  stored = given["before"]
  def get_bucket_notification_configuration(self, Bucket):
    if self.stored is None: raise Exception("NoSuchBucket: " + Bucket)
    return {**copy.deepcopy(self.stored), "ResponseMetadata": {}}
  def put_bucket_notification_configuration(self, Bucket, NotificationConfiguration, SkipDestinationValidation):
    self.stored = copy.deepcopy(NotificationConfiguration)

s3 = S3()
sys.modules["boto3"] = types.SimpleNamespace(client=lambda name: {"s3": s3}[name])
told = []

class Response(io.BytesIO):
  reason = "OK"

def urlopen(request):
  told.append(json.loads(request.data))
  return Response(b"")

urllib.request.urlopen = urlopen
module = types.ModuleType("index")
exec(given["code"], module.__dict__)
answers = []
real, sys.stdout = sys.stdout, io.StringIO()
for event in given["events"]:
  module.handler(event, types.SimpleNamespace(log_stream_name="log"))
  answers.append({"status": told[-1]["Status"], "reason": told[-1]["Reason"], "configuration": s3.stored})
json.dump(answers, real)
`;

interface Answer {
  /** What CloudFormation is told. */
  readonly status: string;
  readonly reason: string;
  /** What the bucket has after it. */
  readonly configuration: unknown;
}

/** @param before what the bucket has; null where there is none. */
function invoke(requests: readonly string[], before: object | null): Answer[] {
  const template = templateOf({ bucketName: 'my-registry' });
  const [resource] = Object.values(template.findResources('Custom::S3BucketNotifications'));
  const handlers = Object.entries(template.findResources('AWS::Lambda::Function'));
  const [, handler] = handlers.find(([id]) => id.startsWith('BucketNotificationsHandler')) ?? [];
  const properties = asSent(resource?.['Properties']);
  const events = requests.map((RequestType) => ({
    RequestType,
    ResponseURL: 'https://cloudformation.test/',
    StackId: 'arn:aws:cloudformation:eu-central-1:111122223333:stack/RegistryPrune/1',
    RequestId: '1',
    LogicalResourceId: 'Notifications',
    ResourceProperties: properties,
  }));
  const input = JSON.stringify({ code: handler?.['Properties'].Code.ZipFile, events, before });
  const { status, stdout, stderr } = spawnSync('python3', ['-c', PYTHON], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`python3 ended with ${status}\n${stderr}`);
  return JSON.parse(stdout);
}

/** CloudFormation sends every value that is not an object as a string. */
const asSent = (properties: Readonly<Record<string, unknown>>): unknown =>
  Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      typeof value === 'object' ? value : String(value),
    ]),
  );
