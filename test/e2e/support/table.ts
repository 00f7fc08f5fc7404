import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { CREDENTIALS, REGION } from './bucket.ts';

/** Every item of the metadata table, by its key, so that two moments can be compared. */
export async function snapshotTable(
  endpoint: string,
  table: string,
): Promise<Map<string, Record<string, unknown>>> {
  const client = new DynamoDBClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  const items = new Map<string, Record<string, unknown>>();
  for await (const page of paginateScan({ client }, { TableName: table, ConsistentRead: true })) {
    for (const raw of page.Items ?? []) {
      const item = unmarshall(raw);
      items.set(`${item['pk']} ${item['sk']}`, item);
    }
  }
  client.destroy();
  return items;
}
