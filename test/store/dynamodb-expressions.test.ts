import { describe, expect, it } from 'vitest';
import {
  conditionParameters,
  dueParameters,
  partitionParameters,
  updateParameters,
} from '../../lambdas/store/dynamodb-expressions.ts';
import { checkChange } from '../../lambdas/store/evaluate.ts';
import type { Condition } from '../../lambdas/store/table.ts';

describe('conditionParameters', () => {
  it('leaves out everything without a condition', () => {
    expect(conditionParameters(undefined)).toEqual({});
  });

  it('leaves out values where none is compared', () => {
    expect(conditionParameters({ absent: true })).toEqual({
      ConditionExpression: 'attribute_not_exists(#n0)',
      ExpressionAttributeNames: { '#n0': 'pk' },
    });
  });

  it.each<[Condition, string]>([
    [{ exists: true }, 'attribute_exists(#n0)'],
    [{ equals: { version: 3 } }, '#n0 = :v0'],
    [{ equals: { version: 3, state: 'live' } }, '#n0 = :v0 AND #n1 = :v1'],
    [{ lessThan: { expiresAt: 9 } }, '#n0 < :v0'],
    [{ greaterThan: { expiresAt: 9 } }, '#n0 > :v0'],
    [
      { any: [{ absent: true }, { lessThan: { expiresAt: 9 } }] },
      '(attribute_not_exists(#n0)) OR (#n1 < :v0)',
    ],
    [
      { all: [{ equals: { a: 1 } }, { any: [{ equals: { a: 2 } }, { exists: true }] }] },
      '(#n0 = :v0) AND ((#n0 = :v1) OR (attribute_exists(#n1)))',
    ],
    [{ all: [{ any: [{ equals: { a: 1 } }] }] }, '#n0 = :v0'],
  ])('writes %j', (condition, text) => {
    expect(conditionParameters(condition).ConditionExpression).toBe(text);
  });

  it('keeps types apart', () => {
    expect(conditionParameters({ equals: { a: 1, b: '1', c: true } }).ExpressionAttributeValues).toEqual({
      ':v0': { N: '1' },
      ':v1': { S: '1' },
      ':v2': { BOOL: true },
    });
  });
});

describe('updateParameters', () => {
  it('writes each kind of change, and the condition with the same placeholders', () => {
    const change = checkChange({
      set: { state: 'live', list: ['x'] },
      remove: ['runId'],
      add: { version: 1 },
    });
    expect(updateParameters(change, { equals: { version: 3 } })).toEqual({
      UpdateExpression: 'SET #n0 = :v0, #n1 = :v1 REMOVE #n2 ADD #n3 :v2',
      ConditionExpression: '#n3 = :v3',
      ExpressionAttributeNames: { '#n0': 'state', '#n1': 'list', '#n2': 'runId', '#n3': 'version' },
      ExpressionAttributeValues: {
        ':v0': { S: 'live' },
        ':v1': { L: [{ S: 'x' }] },
        ':v2': { N: '1' },
        ':v3': { N: '3' },
      },
    });
  });

  it('asks for the item when it only removes', () => {
    expect(updateParameters(checkChange({ remove: ['a'] }), undefined)).toEqual({
      UpdateExpression: 'REMOVE #n0',
      ConditionExpression: 'attribute_exists(#n1)',
      ExpressionAttributeNames: { '#n0': 'a', '#n1': 'pk' },
    });
  });
});

it('names a partition with and without a prefix', () => {
  expect(partitionParameters('P', '')).toEqual({
    KeyConditionExpression: '#pk = :pk',
    ExpressionAttributeNames: { '#pk': 'pk' },
    ExpressionAttributeValues: { ':pk': { S: 'P' } },
  });
  expect(partitionParameters('P', 'TAG#').KeyConditionExpression).toBe(
    '#pk = :pk AND begins_with(#sk, :prefix)',
  );
});

it('names what is due', () => {
  expect(dueParameters('blob#1', 7).ExpressionAttributeValues).toEqual({
    ':queue': { S: 'blob#1' },
    ':until': { N: '7' },
  });
});
