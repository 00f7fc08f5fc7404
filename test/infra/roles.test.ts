import type { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { flat } from '../../infra/permission.ts';
import {
  type Template as DeployedTemplate,
  type Statement,
  statementsOfRole,
} from '../support/deployed/template.ts';
import { templateOf } from './temporary-app.ts';

interface Role {
  readonly name: string;
  readonly trusted: string;
  readonly managed: readonly unknown[];
  readonly statements: readonly Statement[];
}

const KEY = 'arn:aws:kms:eu-central-1:111122223333:key/1';

describe('the roles', () => {
  test('may do this and nothing else', async () => {
    const roles = rolesOf(
      templateOf({ bucketName: 'my-registry', pullTimes: true, inventoryBucket: 'my-inventories' }),
    );
    await expect(roles.map(text).join('\n')).toMatchFileSnapshot('roles.snapshot.txt');
  });

  test('may use the key of the bucket if it has one, for S3 alone', async () => {
    const roles = rolesOf(templateOf({ bucketName: 'my-registry', bucketKeyArn: KEY }));
    const ofKey = roles.flatMap(({ name, statements }) =>
      statements.filter(({ Resource }) => Resource === KEY).map((statement) => ({ name, ...statement })),
    );
    expect(ofKey.map(({ name, Action }) => [name, Action])).toEqual([
      ['IndexIndexerRole', ['kms:Decrypt', 'kms:GenerateDataKey']],
      ['HeartbeatWriterRole', 'kms:GenerateDataKey'],
      ['PrunePrunerRole', ['kms:Decrypt', 'kms:GenerateDataKey']],
      ['PruneDistributedWorkerRole', ['kms:Decrypt', 'kms:GenerateDataKey']],
      ['PruneDistributedStartRole', ['kms:Decrypt', 'kms:GenerateDataKey']],
      ['PruneDistributedFinishRole', 'kms:Decrypt'],
      ['ReindexNextRole', ['kms:Decrypt', 'kms:GenerateDataKey']],
      ['ReindexSliceRole', ['kms:Decrypt', 'kms:GenerateDataKey']],
    ]);
    for (const { Condition } of ofKey) expect(Object.keys(Condition ?? {})).toEqual(['StringEquals']);
  });

  test('are below the root directory of the registry', () => {
    const roles = rolesOf(templateOf({ bucketName: 'my-registry', rootDirectory: '/deep/registry' }));
    const objects = roles
      .flatMap(({ statements }) => statements)
      .flatMap(({ Resource }) => [Resource].flat())
      .map(flat)
      .filter((resource) => resource.includes(':s3:::my-registry/'))
      .map((resource) => resource.replace('arn:<AWS::Partition>:s3:::my-registry/', ''));
    expect(objects.length).toBeGreaterThan(5);
    for (const key of objects)
      expect(key).toMatch(/^(deep\/registry\/docker\/registry\/v2|registry-prune)\//);
  });
});

describe('no role', () => {
  const roles = () => rolesOf(templateOf({ bucketName: 'my-registry', pullTimes: true }));

  test('has an action with a wildcard, every resource, or a policy that AWS manages', () => {
    for (const { name, managed, statements } of roles()) {
      expect({ name, managed }).toEqual({ name, managed: [] });
      for (const { Effect, Action, Resource } of statements) {
        expect(Effect).toBe('Allow');
        expect([name, ...[Action].flat()].filter((action) => action.includes('*'))).toEqual([]);
        // Those by which Step Functions delivers logs and traces know no resources.
        const isOfDelivery = [Action].flat().every((action) => /^(logs|xray):/.test(action));
        if (!isOfDelivery) expect([Resource].flat()).not.toContain('*');
      }
    }
  });

  test('may remove a version of a blob, but that of the restore function', () => {
    const may = roles().filter(({ statements }) =>
      statements.some(
        ({ Action, Resource }) =>
          [Action].flat().includes('s3:DeleteObjectVersion') &&
          [Resource].flat().some((one) => !flat(one).endsWith('/_uploads/*')),
      ),
    );
    expect(may.map(({ name }) => name)).toEqual(['RestoreRestorerRole']);
  });

  test.each(['/journal/', '/plans/'])('may delete what is below %s, or write it over', (prefix) => {
    const found = roles().flatMap(({ name, statements }) =>
      statements
        .filter(({ Resource }) => [Resource].flat().some((one) => flat(one).includes(prefix)))
        .map(({ Action, Condition }) => ({ name, Action, Condition })),
    );
    const once = { Action: 's3:PutObject', Condition: { Null: { 's3:if-none-match': 'false' } } };
    const read = { Action: 's3:GetObject', Condition: undefined };
    expect(found).toEqual([
      { name: 'PrunePrunerRole', ...once },
      { name: 'PrunePrunerRole', ...read },
      ...(prefix === '/plans/'
        ? []
        : [
            { name: 'PruneDistributedWorkerRole', ...once },
            { name: 'PruneDistributedStartRole', ...once },
            { name: 'PruneDistributedFinishRole', ...read },
          ]),
    ]);
  });

  test('may write a tag over', () => {
    const tags = roles().flatMap(({ name, statements }) =>
      statements
        .filter(({ Action, Resource }) =>
          [Resource]
            .flat()
            .some((one) => [Action].flat().includes('s3:PutObject') && flat(one).endsWith('/current/link')),
        )
        .map(({ Condition }) => ({ name, Condition })),
    );
    expect(tags).toEqual([{ name: 'PrunePrunerRole', Condition: { Null: { 's3:if-none-match': 'false' } } }]);
  });
});

/** Of the template, in its order. */
function rolesOf(from: Template): Role[] {
  const template = from.toJSON() as DeployedTemplate;
  return Object.entries(from.findResources('AWS::IAM::Role')).map(([id, { Properties }]) => ({
    name: id.replace(/[0-9A-F]{8}$/, ''),
    trusted: flat(Properties.AssumeRolePolicyDocument.Statement[0].Principal.Service),
    managed: Properties.ManagedPolicyArns ?? [],
    statements: statementsOfRole(template, id),
  }));
}

function text({ name, trusted, statements }: Role): string {
  const lines = statements.flatMap(({ Action, Resource, Condition = {} }) => [
    `  ${[Action].flat().join(', ')}`,
    ...[Resource].flat().map((one) => `      on ${flat(one)}`),
    ...Object.entries(Condition).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, value]) => `      if ${key} ${operator} ${flat(value)}`),
    ),
  ]);
  return [`${name} (${trusted})`, ...lines, ''].join('\n');
}
