/** Which permissions a request of AWS takes, by the services' own tables of actions. */
import type { Call } from './policy.ts';

export interface SentRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** Of the answer. */
  readonly status: number;
}

const ACCOUNT = '123456789012';
const arn = (service: string, rest: string): string => `arn:aws:${service}:us-east-1:${ACCOUNT}:${rest}`;

/** @throws Error for a request of which it is not known what it takes. */
export function callsOf(request: SentRequest): Call[] {
  const target = String(request.headers['x-amz-target'] ?? '');
  if (target.startsWith('DynamoDB_')) return dynamoDb(target, JSON.parse(request.body));
  if (target.startsWith('AmazonSQS.')) return sqs(target, JSON.parse(request.body));
  if (target === 'AWSEvents.PutEvents') return putEvents(JSON.parse(request.body));
  if (target === 'secretsmanager.GetSecretValue')
    return [{ action: 'secretsmanager:GetSecretValue', resource: JSON.parse(request.body).SecretId }];
  const invoked = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url)?.[1];
  if (invoked !== undefined)
    return [
      { action: 'lambda:InvokeFunction', resource: arn('lambda', `function:${decodeURIComponent(invoked)}`) },
    ];
  if (target === '') return s3(request);
  throw new Error(`not known: ${target}`);
}

interface DynamoDbBody {
  readonly TableName?: string;
  readonly IndexName?: string;
  readonly RequestItems?: object;
}

function dynamoDb(target: string, { TableName, IndexName, RequestItems = {} }: DynamoDbBody): Call[] {
  const action = `dynamodb:${target.split('.')[1]}`;
  const tables = TableName === undefined ? Object.keys(RequestItems) : [TableName];
  const index = IndexName === undefined ? '' : `/index/${IndexName}`;
  return tables.map((table) => ({ action, resource: arn('dynamodb', `table/${table}${index}`) }));
}

/** A batch takes the permission of the single request. */
function sqs(target: string, { QueueUrl }: { readonly QueueUrl: string }): Call[] {
  const action = `sqs:${target.split('.')[1]?.replace(/Batch$/, '')}`;
  return [{ action, resource: arn('sqs', QueueUrl.split('/').at(-1) ?? '') }];
}

function putEvents({ Entries }: { readonly Entries: readonly { readonly EventBusName?: string }[] }): Call[] {
  return Entries.map(({ EventBusName = 'default' }) => ({
    action: 'events:PutEvents',
    resource: arn('events', `event-bus/${EventBusName}`),
  }));
}

function s3({ method, url, headers, body, status }: SentRequest): Call[] {
  const { pathname, searchParams: query } = new URL(url, 'http://s3.test');
  const [, bucketName = '', ...rest] = pathname.split('/');
  const bucket = `arn:aws:s3:::${bucketName}`;
  const key = rest.map(decodeURIComponent).join('/');
  if (key === '') return ofBucket(method, bucket, query, body);
  const resource = `${bucket}/${key}`;
  const version = query.has('versionId');
  const list = { action: 's3:ListBucket', resource: bucket };
  if (query.has('uploadId') || query.has('uploads')) {
    if (method === 'GET') return [{ action: 's3:ListMultipartUploadParts', resource }];
    if (method === 'DELETE') return [{ action: 's3:AbortMultipartUpload', resource }];
  } else if (method === 'GET' || method === 'HEAD') {
    const get = { action: version ? 's3:GetObjectVersion' : 's3:GetObject', resource };
    // Without it S3 would have answered 403.
    return status === 404 ? [get, list] : [get];
  } else if (method === 'PUT' && headers['x-amz-copy-source'] === undefined) {
    const condition = headers['if-none-match'];
    return [
      {
        ...{ action: 's3:PutObject', resource },
        context: condition === undefined ? {} : { 's3:if-none-match': String(condition) },
      },
    ];
  } else if (method === 'DELETE') {
    const remove = { action: version ? 's3:DeleteObjectVersion' : 's3:DeleteObject', resource };
    return headers['if-match'] === undefined ? [remove] : [remove, { action: 's3:GetObject', resource }];
  }
  throw new Error(`not known: ${method} ${url}`);
}

function ofBucket(method: string, bucket: string, query: URLSearchParams, body: string): Call[] {
  const context = { 's3:prefix': query.get('prefix') ?? '' };
  if (method === 'POST' && query.has('delete')) return deletions(bucket, body);
  if (method === 'HEAD') return [{ action: 's3:ListBucket', resource: bucket }];
  if (method !== 'GET') throw new Error(`not known: ${method} ${bucket}?${query}`);
  if (query.has('versioning')) return [{ action: 's3:GetBucketVersioning', resource: bucket }];
  if (query.has('versions')) return [{ action: 's3:ListBucketVersions', resource: bucket, context }];
  if (query.has('uploads')) return [{ action: 's3:ListBucketMultipartUploads', resource: bucket, context }];
  if (query.get('list-type') === '2') return [{ action: 's3:ListBucket', resource: bucket, context }];
  throw new Error(`not known: ${method} ${bucket}?${query}`);
}

function deletions(bucket: string, body: string): Call[] {
  const objects = [...body.matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, object = '']) => object);
  if (objects.length === 0) throw new Error(`a deletion of nothing: ${body}`);
  return objects.map((object) => ({
    action: object.includes('<VersionId>') ? 's3:DeleteObjectVersion' : 's3:DeleteObject',
    resource: `${bucket}/${unescaped(/<Key>(.*?)<\/Key>/s.exec(object)?.[1] ?? '')}`,
  }));
}

const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
