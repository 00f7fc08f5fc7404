import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { batching } from '../../lambdas/store/batching-table.ts';
import { DynamoDbTable } from '../../lambdas/store/dynamodb-table.ts';
import { PreviewTable } from '../../lambdas/store/preview-table.ts';
import type { Table } from '../../lambdas/store/table.ts';
import { ensureTable } from '../../lambdas/store/table-definition.ts';
import { startEmbeddedDynamoDb } from '../../local/embedded-dynamodb.ts';
import { MemoryTable } from '../../local/memory-table.ts';

export interface TableUnderTest {
  readonly name: string;
  /** Begins; afterwards `empty` makes tables without items. */
  start(): Promise<{ empty(): Promise<Table>; stop(): Promise<void> }>;
}

const nothing = async () => {};

/** Every implementation of the port. */
export const TABLES: readonly TableUnderTest[] = [
  { name: 'memory', start: async () => ({ empty: async () => new MemoryTable(), stop: nothing }) },
  {
    name: 'preview over memory',
    start: async () => ({ empty: async () => new PreviewTable(new MemoryTable()), stop: nothing }),
  },
  {
    name: 'preview over preview over memory',
    start: async () => ({
      empty: async () => new PreviewTable(new PreviewTable(new MemoryTable())),
      stop: nothing,
    }),
  },
  {
    name: 'batching over memory',
    start: async () => ({ empty: async () => batching(new MemoryTable()), stop: nothing }),
  },
  { name: 'DynamoDB (dynalite)', start: startDynamoDb },
];

export const TEST_CLIENT = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
};

export async function startDynamoDb() {
  const server = await startEmbeddedDynamoDb();
  const client = new DynamoDBClient({ ...TEST_CLIENT, endpoint: server.endpoint });
  let serial = 0;
  return {
    client,
    empty: async () => {
      const tableName = `metadata-${++serial}`;
      await ensureTable(client, tableName);
      return new DynamoDbTable({ client, tableName });
    },
    stop: async () => {
      client.destroy();
      await server.stop();
    },
  };
}
