import { Aws, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeEach, describe, expect, test } from 'vitest';
import { MetadataTable, type MetadataTableProps } from '../../infra/metadata-table.ts';
import { createTableInput, TABLE_DEFINITION } from '../../lambdas/store/table-definition.ts';
import { temporaryApp } from './temporary-app.ts';

const TYPE = 'AWS::DynamoDB::GlobalTable';

function templateOf(props?: MetadataTableProps): Template {
  const stack = new Stack(temporaryApp(), 'Test');
  new MetadataTable(stack, 'Metadata', props);
  return Template.fromStack(stack);
}

function has(template: Template, properties: Record<string, unknown>): void {
  template.hasResourceProperties(TYPE, properties);
}

describe('the table', () => {
  let template: Template;

  beforeEach(() => {
    template = templateOf();
  });

  test('is the only resource', () => {
    expect(Object.values(template.toJSON()['Resources'])).toEqual([expect.objectContaining({ Type: TYPE })]);
  });

  test('is keyed by pk and sk', () => {
    has(template, {
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: Match.arrayWith([
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ]),
    });
  });

  test('has one index, of what is due, that holds keys only', () => {
    has(template, {
      GlobalSecondaryIndexes: [
        {
          IndexName: 'due',
          KeySchema: [
            { AttributeName: 'queue', KeyType: 'HASH' },
            { AttributeName: 'dueAt', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'KEYS_ONLY' },
        },
      ],
      AttributeDefinitions: Match.arrayWith([
        { AttributeName: 'queue', AttributeType: 'S' },
        { AttributeName: 'dueAt', AttributeType: 'N' },
      ]),
    });
  });

  test('is the table that createTableInput makes', () => {
    const [resource] = Object.values(template.findResources(TYPE));
    const properties = resource?.['Properties'];
    const { TableName, AttributeDefinitions, ...schema } = createTableInput('any');
    expect(properties).toMatchObject(schema);
    expect(byName(properties.AttributeDefinitions)).toEqual(byName(AttributeDefinitions));
  });

  test('expires items by the attribute of the definition', () => {
    has(template, {
      TimeToLiveSpecification: { AttributeName: TABLE_DEFINITION.ttlAttribute, Enabled: true },
    });
  });

  test('is paid for on demand', () => {
    has(template, { BillingMode: 'PAY_PER_REQUEST', WriteProvisionedThroughputSettings: Match.absent() });
  });

  test('can be restored to any second of the last 35 days', () => {
    hasReplica(template, {
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true, RecoveryPeriodInDays: 35 },
    });
  });

  test('is protected against deletion', () => {
    hasReplica(template, { DeletionProtectionEnabled: true });
  });

  test('stays when its stack is deleted, and when it is replaced', () => {
    template.hasResource(TYPE, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  });

  test('lies in the region of its stack and in no other', () => {
    hasReplica(template, { Region: { Ref: 'AWS::Region' } });
  });

  test('gets its name from CloudFormation', () => {
    has(template, { TableName: Match.absent() });
  });

  test('keeps its logical id, because another one would be another, empty table', () => {
    expect(Object.keys(template.findResources(TYPE))).toEqual(['MetadataTableC8A01DE2']);
  });
});

describe('tableName', () => {
  test.each(['abc', 'registry-prune_1.metadata', 'a'.repeat(255)])('%s is used', (tableName) => {
    has(templateOf({ tableName }), { TableName: tableName });
  });

  test('known only when deployed is used', () => {
    const template = templateOf({ tableName: `metadata-${Aws.ACCOUNT_ID}` });
    has(template, { TableName: { 'Fn::Join': ['', ['metadata-', { Ref: 'AWS::AccountId' }]] } });
  });

  test.each(['', 'ab', 'a'.repeat(256), 'with space', 'a/b/c', 'tablé', 'abc\n'])(
    '%j is refused',
    (tableName) => {
      expect(() => templateOf({ tableName })).toThrow(
        `tableName is not a name of a DynamoDB table: got ${JSON.stringify(tableName)}, ` +
          'allowed are 3 to 255 of the characters a-z, A-Z, 0-9, "_", "-" and "."',
      );
    },
  );
});

describe('recoveryDays', () => {
  test.each([1, 7, 35])('%d is used', (recoveryDays) => {
    hasReplica(templateOf({ recoveryDays }), {
      PointInTimeRecoverySpecification: {
        PointInTimeRecoveryEnabled: true,
        RecoveryPeriodInDays: recoveryDays,
      },
    });
  });

  test.each([0, -1, 36, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is refused', (recoveryDays) => {
    expect(() => templateOf({ recoveryDays })).toThrow(
      `recoveryDays is not a recovery period of DynamoDB: got ${recoveryDays}, ` +
        'allowed are whole numbers from 1 to 35',
    );
  });
});

/** There is exactly one replica, which is the table itself. */
function hasReplica(template: Template, properties: Record<string, unknown>): void {
  has(template, { Replicas: [Match.objectLike(properties)] });
}

function byName(attributes: readonly { readonly AttributeName?: string | undefined }[] = []) {
  return attributes.toSorted((a, b) => (a.AttributeName ?? '').localeCompare(b.AttributeName ?? ''));
}
