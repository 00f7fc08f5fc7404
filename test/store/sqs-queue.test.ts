import { createHash } from 'node:crypto';
import { SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { SqsQueue } from '../../lambdas/store/sqs-queue.ts';
import { type Answer, fakeHttp, fakePause, json, type SentRequest } from './fake-http.ts';

const URL = 'https://sqs.us-east-1.amazonaws.com/123456789012/events';

interface Entry {
  readonly Id: string;
  readonly MessageBody?: string;
  readonly DelaySeconds?: number;
  readonly ReceiptHandle?: string;
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const entriesOf = ({ body }: SentRequest): Entry[] => JSON.parse(body).Entries;
const requested = ({ headers }: SentRequest): string => String(headers['x-amz-target']).split('.')[1] ?? '';

/** What SQS answers to a batch; the SDK compares the digests of bodies. */
const accepted = (entries: readonly Entry[], Failed: readonly object[] = []): Answer =>
  json({
    Successful: entries.map(({ Id, MessageBody = '' }) => ({
      Id,
      MessageId: Id,
      MD5OfMessageBody: md5(MessageBody),
    })),
    Failed,
  });

const refused = (Id: string, SenderFault = false) => ({
  ...{ Id, SenderFault, Code: SenderFault ? 'InvalidParameterValue' : 'InternalError' },
  Message: 'why',
});

function queueOver(answer: (request: SentRequest, index: number) => Answer) {
  const http = fakeHttp(answer);
  const pause = fakePause();
  const client = new SQSClient({ ...http.settings, maxAttempts: 1 });
  return { queue: new SqsQueue({ client, url: URL, pause }), sent: http.sent, pause };
}

const messages = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ body: `body ${at}`, delay: at % 3 }));
const received = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `id ${at}`, body: '', receipt: `receipt ${at}` }));

describe('sending', () => {
  it('takes as many requests as there are tens, each message with its delay', async () => {
    const { queue, sent } = queueOver((request) => accepted(entriesOf(request)));
    await queue.send(messages(23));
    expect(sent.map(requested)).toEqual(Array(3).fill('SendMessageBatch'));
    expect(sent.map((request) => entriesOf(request).length)).toEqual([10, 10, 3]);
    const all = sent.flatMap(entriesOf);
    expect(all.map(({ MessageBody, DelaySeconds }) => ({ body: MessageBody, delay: DelaySeconds }))).toEqual(
      messages(23),
    );
  });

  it('asks nothing for nothing', async () => {
    const { queue, sent } = queueOver(() => json({}));
    await queue.send([]);
    await queue.remove([]);
    expect(sent).toEqual([]);
  });

  it('sends again what was refused for a while, and no more than that', async () => {
    const { queue, sent, pause } = queueOver((request, index) => {
      const entries = entriesOf(request);
      return index === 0
        ? accepted([...entries.slice(0, 1), ...entries.slice(3)], [refused('1'), refused('2')])
        : accepted(entries);
    });
    await queue.send(messages(5));
    const [, second] = sent.map((request) => entriesOf(request).map(({ MessageBody }) => MessageBody));
    expect(second).toEqual(['body 1', 'body 2']);
    expect(pause.waits).toEqual([25]);
  });

  it('says what is refused for good, without trying again, and has sent the rest', async () => {
    const { queue, sent } = queueOver((request, index) => {
      const [first, ...rest] = entriesOf(request);
      return index === 0 ? accepted(rest, [refused(first?.Id ?? '', true)]) : accepted(entriesOf(request));
    });
    await expect(queue.send(messages(12))).rejects.toMatchObject({
      name: 'QueueError',
      message: expect.stringMatching(/did not take 1: .*InvalidParameterValue: why/),
    });
    expect(sent.map((request) => entriesOf(request).length)).toEqual([10, 2]);
  });

  it('gives up on a lasting refusal after some tries', async () => {
    const { queue, sent, pause } = queueOver((request) =>
      accepted(
        [],
        entriesOf(request).map(({ Id }) => refused(Id)),
      ),
    );
    await expect(queue.send(messages(2))).rejects.toThrow(/did not take 2: .*InternalError.*InternalError/);
    expect(sent).toHaveLength(4);
    expect(pause.waits).toHaveLength(3);
  });
});

describe('removing', () => {
  it('names each delivery by its receipt, ten a request', async () => {
    const { queue, sent } = queueOver((request) => accepted(entriesOf(request)));
    await queue.remove(received(11));
    expect(sent.map(requested)).toEqual(Array(2).fill('DeleteMessageBatch'));
    expect(sent.flatMap(entriesOf).map(({ ReceiptHandle }) => ReceiptHandle)).toEqual(
      received(11).map(({ receipt }) => receipt),
    );
  });

  it('says what was not removed: it comes again', async () => {
    const { queue } = queueOver((request) => accepted(entriesOf(request).slice(1), [refused('0', true)]));
    await expect(queue.remove(received(2))).rejects.toThrow(/did not delete 1/);
  });
});

describe('receiving', () => {
  it('asks for ten, waits as long as it is told, and gives what came', async () => {
    const { queue, sent } = queueOver(() =>
      json({ Messages: [{ MessageId: 'm', Body: 'text', MD5OfBody: md5('text'), ReceiptHandle: 'r' }] }),
    );
    expect(await queue.receive({ waitSeconds: 20 })).toEqual([{ id: 'm', body: 'text', receipt: 'r' }]);
    expect(JSON.parse(sent[0]?.body ?? '')).toMatchObject({
      ...{ QueueUrl: URL, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 },
    });
  });

  it('gives nothing when nothing came', async () => {
    const { queue } = queueOver(() => json({}));
    expect(await queue.receive({ waitSeconds: 0 })).toEqual([]);
  });

  it('does not take a body that was changed on the way', async () => {
    const { queue } = queueOver(() =>
      json({ Messages: [{ MessageId: 'm', Body: 'other', MD5OfBody: md5('text'), ReceiptHandle: 'r' }] }),
    );
    await expect(queue.receive({ waitSeconds: 0 })).rejects.toThrow(/MD5/);
  });
});

describe('the depth', () => {
  const counts = {
    ApproximateNumberOfMessages: '3',
    ApproximateNumberOfMessagesNotVisible: '4',
    ApproximateNumberOfMessagesDelayed: '5',
  };

  it('is all that waits, is worked on, or is delayed', async () => {
    const { queue, sent } = queueOver(() => json({ Attributes: counts }));
    expect(await queue.depth()).toBe(12);
    expect(JSON.parse(sent[0]?.body ?? '').AttributeNames).toEqual(Object.keys(counts));
  });

  it.each(Object.keys(counts))('is not known without %s, and so is no zero', async (name) => {
    for (const value of [undefined, '', 'many', '-1']) {
      const { queue } = queueOver(() => json({ Attributes: { ...counts, [name]: value } }));
      await expect(queue.depth()).rejects.toThrow(name);
    }
  });

  it('is not known without any answer', async () => {
    const { queue } = queueOver(() => json({}));
    await expect(queue.depth()).rejects.toThrow('ApproximateNumberOfMessages');
  });
});
