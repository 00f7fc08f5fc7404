import { setImmediate } from 'node:timers/promises';
import { BatchWriteItemCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectsCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { AdaptiveLimit, limited } from '../../lambdas/store/adaptive-limit.ts';
import { type Answer, fakeHttp, s3Error, xml } from './fake-http.ts';

const never = () => false;
const always = () => true;
const nothing = async () => {};

describe('an adaptive limit', () => {
  it('lets so many be under way, and the others in the order in which they came', async () => {
    const limit = new AdaptiveLimit(2);
    const ends: (() => void)[] = [];
    const begun: number[] = [];
    const all = [0, 1, 2, 3].map((number) =>
      limit.run(() => {
        begun.push(number);
        return new Promise<void>((done) => ends.push(done));
      }, never),
    );
    await setImmediate();
    expect(begun).toEqual([0, 1]);
    ends[1]?.();
    await setImmediate();
    expect(begun).toEqual([0, 1, 2]);
    ends[0]?.();
    await setImmediate();
    expect(begun).toEqual([0, 1, 2, 3]);
    for (const end of ends) end();
    await Promise.all(all);
  });

  it('is halved by what is too much, and never below one', async () => {
    const limit = new AdaptiveLimit(8);
    for (const expected of [4, 2, 1, 1]) {
      await limit.run(nothing, always);
      expect(limit.current).toBe(expected);
    }
  });

  it('is halved once by all that were under way at the same time', async () => {
    const limit = new AdaptiveLimit(8);
    await Promise.all(Array.from({ length: 8 }, () => limit.run(nothing, always)));
    expect(limit.current).toBe(4);
  });

  it('rises by one for as many as it lets pass, and never beyond where it began', async () => {
    const limit = new AdaptiveLimit(8);
    await limit.run(nothing, always);
    for (let at = 0; at < 4; at++) await limit.run(nothing, never);
    expect(limit.current).toBe(4);
    await limit.run(nothing, never);
    expect(limit.current).toBe(5);
    for (let at = 0; at < 100; at++) await limit.run(nothing, never);
    expect(limit.current).toBe(8);
  });

  it('gives its place back when the work fails', async () => {
    const limit = new AdaptiveLimit(1);
    const fail = async () => {
      throw new Error('no');
    };
    await expect(limit.run(fail, never)).rejects.toThrow('no');
    expect(await limit.run(async () => 'done', never)).toBe('done');
  });

  it.each([0, -1, 1.5, Number.NaN])('cannot be %d', (maximum) => {
    expect(() => new AdaptiveLimit(maximum)).toThrow(/allowed are whole numbers from 1 on/);
  });
});

const json = (body: object, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify(body),
});

describe('a client with one', () => {
  const s3 = (answer: (index: number) => Answer) => {
    const limit = new AdaptiveLimit(8);
    const http = fakeHttp((_, index) => answer(index));
    return { limit, http, client: limited(new S3Client({ ...http.settings, maxAttempts: 3 }), limit) };
  };
  const dynamoDb = (answer: (index: number) => Answer) => {
    const limit = new AdaptiveLimit(8);
    const http = fakeHttp((_, index) => answer(index));
    return { limit, http, client: limited(new DynamoDBClient({ ...http.settings, maxAttempts: 3 }), limit) };
  };
  const remove = new DeleteObjectsCommand({ Bucket: 'b', Delete: { Objects: [{ Key: 'k' }] } });
  const get = new GetItemCommand({ TableName: 't', Key: { pk: { S: 'a' } } });

  it('is slower for each attempt that S3 finds too much', async () => {
    const { limit, http, client } = s3((index) =>
      index < 2
        ? s3Error(503, 'SlowDown')
        : xml('<DeleteResult><Deleted><Key>k</Key></Deleted></DeleteResult>'),
    );
    await client.send(remove);
    expect(http.sent).toHaveLength(3);
    expect(limit.current).toBe(2);
  });

  it('is slower where S3 refuses some keys for the rate', async () => {
    const { limit, client } = s3(() =>
      xml('<DeleteResult><Error><Key>k</Key><Code>SlowDown</Code></Error></DeleteResult>'),
    );
    await client.send(remove);
    expect(limit.current).toBe(4);
  });

  it('is as fast as before after any other answer', async () => {
    const { limit, client } = s3(() => ({ status: 404 }));
    await expect(client.send(new HeadObjectCommand({ Bucket: 'b', Key: 'k' }))).rejects.toThrow();
    expect(limit.current).toBe(8);
  });

  it.each(['ProvisionedThroughputExceededException', 'ThrottlingException', 'RequestLimitExceeded'])(
    'is slower after %s',
    async (name) => {
      const error = json({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: '' }, 400);
      const { limit, client } = dynamoDb((index) => (index === 0 ? error : json({})));
      await client.send(get);
      expect(limit.current).toBe(4);
    },
  );

  it('is slower where DynamoDB leaves some of a batch', async () => {
    const left = { t: [{ DeleteRequest: { Key: { pk: { S: 'a' } } } }] };
    const { limit, client } = dynamoDb((index) => json(index === 0 ? { UnprocessedItems: left } : {}));
    const command = () => new BatchWriteItemCommand({ RequestItems: left });
    await client.send(command());
    expect(limit.current).toBe(4);
    await client.send(command());
    expect(limit.current).toBe(4);
  });
});
