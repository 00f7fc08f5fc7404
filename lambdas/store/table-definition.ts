import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  ResourceInUseException,
  type TableDescription,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';

/** The sparse index of what is queued. */
export const DUE_INDEX = 'due';

interface KeyAttribute {
  readonly name: string;
  readonly type: 'S' | 'N';
}

export interface TableDefinition {
  readonly partitionKey: KeyAttribute;
  readonly sortKey: KeyAttribute;
  readonly billingMode: 'PAY_PER_REQUEST';
  readonly ttlAttribute: string;
  readonly indexes: readonly {
    readonly name: string;
    readonly partitionKey: KeyAttribute;
    readonly sortKey: KeyAttribute;
    readonly projection: 'KEYS_ONLY';
  }[];
}

/** The one definition of the metadata table: for the deployed stack, for `init`, and for the emulators. */
export const TABLE_DEFINITION: TableDefinition = {
  partitionKey: { name: 'pk', type: 'S' },
  sortKey: { name: 'sk', type: 'S' },
  billingMode: 'PAY_PER_REQUEST',
  ttlAttribute: 'expireAt',
  indexes: [
    {
      name: DUE_INDEX,
      partitionKey: { name: 'queue', type: 'S' },
      sortKey: { name: 'dueAt', type: 'N' },
      projection: 'KEYS_ONLY',
    },
  ],
};

export function createTableInput(tableName: string): CreateTableCommandInput {
  const { partitionKey, sortKey, billingMode, indexes } = TABLE_DEFINITION;
  const keys = [{ partitionKey, sortKey }, ...indexes].flatMap((keyed) => [
    keyed.partitionKey,
    keyed.sortKey,
  ]);
  return {
    TableName: tableName,
    BillingMode: billingMode,
    AttributeDefinitions: keys.map(({ name, type }) => ({ AttributeName: name, AttributeType: type })),
    KeySchema: keySchema(partitionKey, sortKey),
    GlobalSecondaryIndexes: indexes.map((index) => ({
      IndexName: index.name,
      KeySchema: keySchema(index.partitionKey, index.sortKey),
      Projection: { ProjectionType: index.projection },
    })),
  };
}

function keySchema(partitionKey: KeyAttribute, sortKey: KeyAttribute): KeySchemaElement[] {
  return [
    { AttributeName: partitionKey.name, KeyType: 'HASH' },
    { AttributeName: sortKey.name, KeyType: 'RANGE' },
  ];
}

export interface EnsuredTable {
  readonly created: boolean;
  /** `unsupported` by emulators: there, expired runs stay. */
  readonly ttl: 'enabled' | 'unsupported';
}

/**
 * Creates the table where it does not exist, and waits until it can be used.
 * @throws when a table of that name exists and is another one than the definition, naming what differs
 */
export async function ensureTable(client: DynamoDBClient, tableName: string): Promise<EnsuredTable> {
  const created = await create(client, tableName);
  await waitUntilTableExists(
    { client, maxWaitTime: 300, minDelay: 0.2, maxDelay: 5 },
    { TableName: tableName },
  );
  const { Table: table } = await client.send(new DescribeTableCommand({ TableName: tableName }));
  const differences = table === undefined ? ['it cannot be described'] : differencesOf(table);
  if (differences.length > 0) {
    throw new Error(`The table "${tableName}" is not a metadata table: ${differences.join('; ')}`);
  }
  return { created, ttl: await ensureTtl(client, tableName) };
}

async function create(client: DynamoDBClient, tableName: string): Promise<boolean> {
  try {
    await client.send(new CreateTableCommand(createTableInput(tableName)));
    return true;
  } catch (error) {
    if (error instanceof ResourceInUseException) return false;
    throw error;
  }
}

/** How an existing table differs from the definition, in words; empty when it does not. */
export function differencesOf(table: TableDescription): string[] {
  const { partitionKey, sortKey, indexes } = TABLE_DEFINITION;
  const typeOf = (name: string | undefined) =>
    table.AttributeDefinitions?.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? '?';
  const actual = (schema: readonly KeySchemaElement[] | undefined) =>
    ['HASH', 'RANGE']
      .flatMap((type) => schema?.filter(({ KeyType }) => KeyType === type) ?? [])
      .map(({ AttributeName }) => `${AttributeName} (${typeOf(AttributeName)})`)
      .join(' + ');
  const wanted = (...keys: KeyAttribute[]) => keys.map(({ name, type }) => `${name} (${type})`).join(' + ');
  const compare = (what: string, is: string, wants: string) =>
    is === wants ? [] : [`${what} is ${is || 'empty'}, not ${wants}`];
  return [
    ...compare('its key', actual(table.KeySchema), wanted(partitionKey, sortKey)),
    ...indexes.flatMap((index) => {
      const found = table.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === index.name);
      if (found === undefined) return [`it has no index "${index.name}"`];
      const what = `the index "${index.name}"`;
      return [
        ...compare(`the key of ${what}`, actual(found.KeySchema), wanted(index.partitionKey, index.sortKey)),
        ...compare(`the projection of ${what}`, found.Projection?.ProjectionType ?? '', index.projection),
      ];
    }),
  ];
}

async function ensureTtl(client: DynamoDBClient, tableName: string): Promise<'enabled' | 'unsupported'> {
  const attribute = TABLE_DEFINITION.ttlAttribute;
  try {
    const { TimeToLiveDescription: ttl } = await client.send(
      new DescribeTimeToLiveCommand({ TableName: tableName }),
    );
    if (ttl?.TimeToLiveStatus === 'ENABLED' || ttl?.TimeToLiveStatus === 'ENABLING') {
      if (ttl.AttributeName === attribute) return 'enabled';
      throw new Error(
        `The table "${tableName}" expires items by "${ttl.AttributeName}", not by "${attribute}"`,
      );
    }
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: tableName,
        TimeToLiveSpecification: { AttributeName: attribute, Enabled: true },
      }),
    );
    return 'enabled';
  } catch (error) {
    if (error instanceof Error && error.name === 'UnknownOperationException') return 'unsupported';
    throw error;
  }
}
