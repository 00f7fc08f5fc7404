import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { createTableInput, differencesOf, ensureTable } from '../../lambdas/store/table-definition.ts';
import { type Embedded, startEmbeddedDynamoDb } from '../../local/embedded-dynamodb.ts';
import { TEST_CLIENT } from './table-implementations.ts';

let server: Embedded;
let client: DynamoDBClient;
beforeAll(async () => {
  server = await startEmbeddedDynamoDb();
  client = new DynamoDBClient({ ...TEST_CLIENT, endpoint: server.endpoint });
});
afterAll(async () => {
  client.destroy();
  await server.stop();
});

it('creates the table once, ready for use', async () => {
  expect(await ensureTable(client, 'ours')).toEqual({ created: true, ttl: 'unsupported' });
  expect(await ensureTable(client, 'ours')).toEqual({ created: false, ttl: 'unsupported' });
  const { Table } = await client.send(new DescribeTableCommand({ TableName: 'ours' }));
  expect(Table?.TableStatus).toBe('ACTIVE');
  expect(differencesOf(Table ?? {})).toEqual([]);
  const table = new DynamoDbTable({ client, tableName: 'ours' });
  await table.put({ pk: 'P', sk: 'S', queue: 'q', dueAt: 1 });
  expect((await table.due('q', { until: 1 })).entries).toHaveLength(1);
});

it('names what makes an existing table another one', async () => {
  const { GlobalSecondaryIndexes: _, ...plain } = createTableInput('without-index');
  const keys = plain.AttributeDefinitions?.slice(0, 2);
  await client.send(new CreateTableCommand({ ...plain, AttributeDefinitions: keys }));
  await expect(ensureTable(client, 'without-index')).rejects.toThrow(
    'The table "without-index" is not a metadata table: it has no index "due"',
  );
  await client.send(
    new CreateTableCommand({
      TableName: 'other',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'id', AttributeType: 'N' },
        { AttributeName: 'queue', AttributeType: 'S' },
      ],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: [{ AttributeName: 'queue', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  );
  await expect(ensureTable(client, 'other')).rejects.toThrow(
    'its key is id (N), not pk (S) + sk (S); the key of the index "due" is queue (S), not queue (S) + dueAt (N); ' +
      'the projection of the index "due" is ALL, not KEYS_ONLY',
  );
});

it('says what to do when there is no table', async () => {
  const table = new DynamoDbTable({ client, tableName: 'none' });
  await expect(table.scan({ segment: 0, segments: 1 })).rejects.toMatchObject({ name: 'TableMissingError' });
});
