import { LambdaClient } from '@aws-sdk/client-lambda';
import { expect, it } from 'vitest';
import { RestoreFunction } from '../../lambdas/store/restore-function.ts';
import { type Answer, fakeHttp, json, type SentRequest } from './fake-http.ts';

const markers = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ key: `key ${at}`, versionId: `version ${at}` }));

const askedFor = ({ body }: SentRequest): object[] => JSON.parse(body).markers;

function functionOver(answer: (index: number) => Answer) {
  const http = fakeHttp((_, index) => answer(index));
  const client = new LambdaClient({ ...http.settings, maxAttempts: 1 });
  return { remover: new RestoreFunction({ client, functionName: 'restore' }), sent: http.sent };
}

const failed = (body: string): Answer => ({ headers: { 'x-amz-function-error': 'Unhandled' }, body });

it('asks for a thousand markers at a time, and waits for each answer', async () => {
  const { remover, sent } = functionOver(() => json({}));
  const some = markers(2_001).map((marker) => ({ ...marker, isLatest: true, size: 1 }));
  await remover.remove(some);
  expect(sent.map(({ path }) => path)).toEqual(Array(3).fill('/2015-03-31/functions/restore/invocations'));
  expect(sent.map(({ headers }) => headers['x-amz-invocation-type'])).toEqual(
    Array(3).fill('RequestResponse'),
  );
  expect(sent.map((request) => askedFor(request).length)).toEqual([1000, 1000, 1]);
  // Nothing of a marker but its name.
  expect(sent.flatMap(askedFor)).toEqual(markers(2_001));
});

it('asks nothing for nothing', async () => {
  const { remover, sent } = functionOver(() => json({}));
  await remover.remove([]);
  expect(sent).toEqual([]);
});

it.each([
  [
    JSON.stringify({ errorType: 'NotAMarkerError', errorMessage: 'version 1 is no delete marker' }),
    'no delete',
  ],
  ['not JSON', 'not JSON'],
  ['null', 'null'],
])('takes a function that failed for no success, though it answers 200: %s', async (body, message) => {
  const { remover, sent } = functionOver((index) => (index === 0 ? failed(body) : json({})));
  await expect(remover.remove(markers(1_001))).rejects.toMatchObject({
    name: 'RestoreFunctionError',
    message: expect.stringContaining(message),
  });
  expect(sent).toHaveLength(1);
});

it('says what the service could not do', async () => {
  const { remover } = functionOver(() => ({
    status: 403,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': 'AccessDeniedException' },
    body: JSON.stringify({ Message: 'no' }),
  }));
  await expect(remover.remove(markers(1))).rejects.toMatchObject({ name: 'AccessDeniedException' });
});
