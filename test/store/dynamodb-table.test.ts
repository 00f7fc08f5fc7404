import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, it } from 'vitest';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { MAX_BATCH_GET_KEYS, MAX_BATCH_WRITES } from '../../lambdas/store/limits.ts';
import { type Answer, fakeHttp, fakePause, json } from './fake-http.ts';

function tableOver(answer: (body: Record<string, unknown>, index: number) => Answer) {
  const http = fakeHttp((request, index) => answer(JSON.parse(request.body), index));
  const pause = fakePause();
  const client = new DynamoDBClient({ ...http.settings, maxAttempts: 1 });
  const bodies = () => http.sent.map(({ body }) => JSON.parse(body));
  return { table: new DynamoDbTable({ client, tableName: 'T', pause }), pause, bodies };
}

const keys = (count: number) => Array.from({ length: count }, (_, n) => ({ pk: `P${n}`, sk: 'S' }));
type Requested = { RequestItems: { T: { Keys: object[] } & object[] } };

describe('batches', () => {
  it('read at most 100 keys a request, consistently, each key once', async () => {
    const { table, bodies } = tableOver(() => json({ Responses: { T: [] } }));
    await table.getMany([...keys(250), ...keys(250)]);
    const sizes = bodies().map(({ RequestItems: { T } }: Requested) => T.Keys.length);
    expect(sizes).toEqual([100, 100, 50]);
    expect(Math.max(...sizes)).toBe(MAX_BATCH_GET_KEYS);
    expect(bodies().every((body) => body.RequestItems.T.ConsistentRead)).toBe(true);
  });

  it('write at most 25 items a request, the last word on each key', async () => {
    const { table, bodies } = tableOver(() => json({}));
    await table.write([...keys(60).map((put) => ({ put })), ...keys(2).map((remove) => ({ remove }))]);
    const sizes = bodies().map(({ RequestItems: { T } }: Requested) => T.length);
    expect(sizes).toEqual([25, 25, 10]);
    expect(Math.max(...sizes)).toBe(MAX_BATCH_WRITES);
    const all = bodies().flatMap(({ RequestItems: { T } }) => T);
    expect(all.filter((write: object) => 'DeleteRequest' in write)).toHaveLength(2);
  });

  it('send again what was left unwritten, with longer waits, and lose nothing', async () => {
    const { table, bodies, pause } = tableOver((body, index) => {
      const all = (body as Requested).RequestItems.T;
      // Three of ten are taken, then none, twice; then all.
      if (index === 0) return json({ UnprocessedItems: { T: all.slice(3) } });
      return json(index < 3 ? { UnprocessedItems: { T: all } } : {});
    });
    await table.write(keys(10).map((put) => ({ put })));
    expect(bodies().map(({ RequestItems: { T } }: Requested) => T.length)).toEqual([10, 7, 7, 7]);
    expect(pause.waits).toEqual([25, 50, 100]);
  });

  it('send again what was left unread', async () => {
    const { table, bodies } = tableOver((body, index) => {
      const all = (body as Requested).RequestItems.T.Keys;
      const taken = index === 0 ? all.slice(0, 4) : all;
      const left = all.slice(taken.length);
      return json({
        Responses: { T: taken },
        ...(left.length ? { UnprocessedKeys: { T: { Keys: left } } } : {}),
      });
    });
    expect(await table.getMany(keys(10))).toEqual(keys(10));
    expect(bodies().map(({ RequestItems: { T } }: Requested) => T.Keys.length)).toEqual([10, 6]);
  });

  it('fail only when none is under way any more, which would come after what is written next', async () => {
    let left = 6;
    const { table, bodies } = tableOver((body) => {
      const { RequestItems } = body as Requested;
      if (RequestItems.T.length === MAX_BATCH_WRITES)
        return { ...json({ __type: 'ValidationException', message: 'no' }), status: 400 };
      return json(left-- > 0 ? { UnprocessedItems: RequestItems } : {});
    });
    const writes = keys(MAX_BATCH_WRITES + 1).map((put) => ({ put }));
    await expect(table.write(writes)).rejects.toThrow('no');
    expect(left).toBe(-1);
    expect(bodies()).toHaveLength(8);
  });

  it('give up and say how many are left', async () => {
    const { table, bodies } = tableOver((body) =>
      json({ UnprocessedItems: (body as Requested).RequestItems }),
    );
    await expect(table.write(keys(10).map((put) => ({ put })))).rejects.toThrow(
      'left 10 of 10 items of a batch to write',
    );
    expect(bodies()).toHaveLength(8);
  });
});

describe('requests', () => {
  it('read base items consistently', async () => {
    const { table, bodies } = tableOver(() => json({}));
    await table.get({ pk: 'P', sk: 'S' });
    await table.query('P', { prefix: 'X', limit: 1, after: { pk: 'P', sk: 'X1' } });
    expect(bodies()).toMatchObject([
      { ConsistentRead: true },
      { ConsistentRead: true, Limit: 1, ExclusiveStartKey: { pk: { S: 'P' }, sk: { S: 'X1' } } },
    ]);
  });

  it('go on in the index behind an entry', async () => {
    const { table, bodies } = tableOver(() => json({}));
    await table.due('q', { until: 9, after: { queue: 'q', dueAt: 7, pk: 'P', sk: 'S' } });
    const [body] = bodies();
    expect(body).toMatchObject({
      IndexName: 'due',
      ExclusiveStartKey: { queue: { S: 'q' }, dueAt: { N: '7' }, pk: { S: 'P' }, sk: { S: 'S' } },
    });
    // DynamoDB refuses a consistent read of an index.
    expect(body).not.toHaveProperty('ConsistentRead');
  });

  it('are not sent for what DynamoDB would refuse', async () => {
    const { table, bodies } = tableOver(() => json({}));
    await expect(table.put({ pk: 'P', sk: 'S', text: 'x'.repeat(400 * 1024) })).rejects.toThrow('P / S');
    await expect(table.update({ pk: 'P', sk: 'S' }, {}, { exists: true })).rejects.toThrow('at least one');
    expect(bodies()).toEqual([]);
  });
});

it('says which table is missing and how to make it', async () => {
  const { table } = tableOver(() =>
    json({ __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException' }, 400),
  );
  const error = await table.get({ pk: 'P', sk: 'S' }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    name: 'TableMissingError',
    message: expect.stringMatching(/"T".*registry-prune init/),
  });
  await expect(table.write([{ remove: { pk: 'P', sk: 'S' } }])).rejects.toMatchObject({
    name: 'TableMissingError',
  });
});

it('passes on what it cannot know', async () => {
  const { table } = tableOver(() => json({ __type: 'x#AccessDeniedException', message: 'no' }, 400));
  await expect(table.put({ pk: 'P', sk: 'S' }, { absent: true })).rejects.toMatchObject({
    name: 'AccessDeniedException',
  });
});
