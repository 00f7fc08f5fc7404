import { RemovalPolicy, Token } from 'aws-cdk-lib';
import { AttributeType, Billing, ProjectionType, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import { TABLE_DEFINITION } from '../lambdas/store/table-definition.ts';

export interface MetadataTableProps {
  /**
   * The physical name of the table.
   *
   * @default - CloudFormation generates one
   */
  readonly tableName?: string;

  /**
   * For how many days back the table can be restored to any second.
   *
   * @default 35
   */
  readonly recoveryDays?: number;
}

/** The most that DynamoDB keeps. */
const MAX_RECOVERY_DAYS = 35;

const TABLE_NAME = /^[a-zA-Z0-9_.-]{3,255}$/;

const ATTRIBUTE_TYPES = { S: AttributeType.STRING, N: AttributeType.NUMBER } as const;
const PROJECTIONS = { KEYS_ONLY: ProjectionType.KEYS_ONLY } as const;
const BILLING = { PAY_PER_REQUEST: Billing.onDemand } as const;

/**
 * The metadata table, made from the definition that `init` and the emulators use too.
 *
 * It outlives its stack, and cannot be deleted by accident: it is a public contract, and a registry that keeps
 * its own metadata writes it directly.
 *
 * @example
 * const { table } = new MetadataTable(this, 'Metadata');
 */
export class MetadataTable extends Construct {
  readonly table: TableV2;

  /** @throws when a property is not one that DynamoDB allows */
  constructor(scope: Construct, id: string, props: MetadataTableProps = {}) {
    super(scope, id);
    const { tableName, recoveryDays = MAX_RECOVERY_DAYS } = props;
    if (tableName !== undefined) checkTableName(tableName);
    checkRecoveryDays(recoveryDays);

    const { partitionKey, sortKey, billingMode, ttlAttribute, indexes } = TABLE_DEFINITION;
    this.table = new TableV2(this, 'Table', {
      ...(tableName === undefined ? {} : { tableName }),
      partitionKey: attribute(partitionKey),
      sortKey: attribute(sortKey),
      billing: BILLING[billingMode](),
      timeToLiveAttribute: ttlAttribute,
      globalSecondaryIndexes: indexes.map((index) => ({
        indexName: index.name,
        partitionKey: attribute(index.partitionKey),
        sortKey: attribute(index.sortKey),
        projectionType: PROJECTIONS[index.projection],
      })),
      pointInTimeRecoverySpecification: {
        pointInTimeRecoveryEnabled: true,
        recoveryPeriodInDays: recoveryDays,
      },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}

function attribute({ name, type }: { readonly name: string; readonly type: keyof typeof ATTRIBUTE_TYPES }) {
  return { name, type: ATTRIBUTE_TYPES[type] };
}

function checkTableName(tableName: string): void {
  if (Token.isUnresolved(tableName) || TABLE_NAME.test(tableName)) return;
  throw new Error(
    `tableName is not a name of a DynamoDB table: got ${JSON.stringify(tableName)}, ` +
      'allowed are 3 to 255 of the characters a-z, A-Z, 0-9, "_", "-" and "."',
  );
}

function checkRecoveryDays(days: number): void {
  if (Token.isUnresolved(days) || (Number.isInteger(days) && days >= 1 && days <= MAX_RECOVERY_DAYS)) return;
  throw new Error(
    `recoveryDays is not a recovery period of DynamoDB: got ${days}, ` +
      `allowed are whole numbers from 1 to ${MAX_RECOVERY_DAYS}`,
  );
}
