import { LambdaClient } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { OperatorFunction } from '../../lambdas/store/operator-function.ts';
import { type Answer, fakeHttp, json } from './fake-http.ts';

const NAME = 'registry-prune-prune';

function functionOver(answer: Answer, functionName = NAME) {
  const http = fakeHttp(() => answer);
  const client = new LambdaClient({ ...http.settings, maxAttempts: 1 });
  return { invoked: new OperatorFunction({ client, functionName }), sent: http.sent };
}

const failed = (body: string): Answer => ({ headers: { 'x-amz-function-error': 'Unhandled' }, body });

it('sends the payload as it is, and waits for the answer', async () => {
  const { invoked, sent } = functionOver(json({ lock: null, run: null }));
  expect(await invoked.invoke({ action: 'status' })).toEqual({ lock: null, run: null });
  expect(sent).toMatchObject([
    {
      method: 'POST',
      path: `/2015-03-31/functions/${NAME}/invocations`,
      headers: { 'x-amz-invocation-type': 'RequestResponse' },
      body: '{"action":"status"}',
    },
  ]);
});

it('takes an ARN for a name', async () => {
  const arn = `arn:aws:lambda:us-east-1:123456789012:function:${NAME}:live`;
  const { invoked, sent } = functionOver(json([]), arn);
  expect(await invoked.invoke({ action: 'runs' })).toEqual([]);
  expect(decodeURIComponent(sent[0]?.path ?? '')).toContain(arn);
});

describe('a function that failed, though it answers 200', () => {
  it.each([
    [
      JSON.stringify({ errorType: 'InvalidPlanError', errorMessage: 'the plan was edited', trace: ['x'] }),
      { name: 'InvalidPlanError', message: `${NAME}: the plan was edited` },
    ],
    [
      // Killed by its timeout: no name.
      JSON.stringify({ errorMessage: '2026-11-24T12:00:00Z 1 Task timed out after 900.00 seconds' }),
      { name: 'Error', message: `${NAME}: 2026-11-24T12:00:00Z 1 Task timed out after 900.00 seconds` },
    ],
    [
      JSON.stringify({ errorType: 7, errorMessage: null }),
      { name: 'Error', message: `${NAME}: failed (Unhandled)` },
    ],
    ['not JSON', { name: 'Error', message: `${NAME}: failed (Unhandled)` }],
    ['null', { name: 'Error', message: `${NAME}: failed (Unhandled)` }],
    ['', { name: 'Error', message: `${NAME}: failed (Unhandled)` }],
  ])('throws by its name: %s', async (body, error) => {
    const { invoked, sent } = functionOver(failed(body));
    await expect(invoked.invoke({ action: 'apply', plan: {} })).rejects.toMatchObject(error);
    expect(sent).toHaveLength(1);
  });
});

it.each([
  [404, 'ResourceNotFoundException', `Function not found: ${NAME}`],
  [403, 'AccessDeniedException', 'no'],
  [413, 'RequestTooLargeException', 'too large'],
])('says what the service could not do: %s %s', async (status, name, Message) => {
  const { invoked } = functionOver({
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': name },
    body: JSON.stringify({ Message }),
  });
  await expect(invoked.invoke({})).rejects.toMatchObject({ name, message: Message });
});

describe('a payload', () => {
  const LIMIT = 6 * 1024 * 1024;
  const frame = '{"plan":""}'.length;

  it('of as many bytes as Lambda takes is sent', async () => {
    const { invoked, sent } = functionOver(json({}));
    await invoked.invoke({ plan: 'x'.repeat(LIMIT - frame) });
    expect(sent[0]?.body).toHaveLength(LIMIT);
  });

  it.each(['x', 'ü'])('of more is not, and the message says what to do: %s', async (letter) => {
    const { invoked, sent } = functionOver(json({}));
    const plan = letter.repeat((LIMIT - frame) / Buffer.byteLength(letter) + 1);
    await expect(invoked.invoke({ plan })).rejects.toMatchObject({
      name: 'RangeError',
      message: expect.stringMatching(
        /^the request has \d+ bytes, and a function takes 6291456: .*`registry-prune plan --function`/,
      ),
    });
    expect(sent).toEqual([]);
  });
});
