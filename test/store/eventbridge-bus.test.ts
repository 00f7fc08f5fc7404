import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { expect, it } from 'vitest';
import { EventBridgeBus, entryBytes } from '../../lambdas/store/eventbridge-bus.ts';
import { MAX_BUS_ENTRIES, MAX_BUS_ENTRY_BYTES } from '../../lambdas/store/limits.ts';
import { type Answer, fakeHttp, fakePause, json } from './fake-http.ts';

const event = {
  source: 'registry.prune',
  detailType: 'Prune',
  detail: { text: 'é' },
  time: new Date('2023-01-02T03:04:05Z'),
  resources: ['arn:x'],
};
const refused = (code: string) =>
  json({ FailedEntryCount: 1, Entries: [{ ErrorCode: code, ErrorMessage: 'why' }] });
const taken = json({ FailedEntryCount: 0, Entries: [{ EventId: '1' }] });

function busOver(answer: (index: number) => Answer) {
  const http = fakeHttp((_, index) => answer(index));
  const pause = fakePause();
  const client = new EventBridgeClient({ ...http.settings, maxAttempts: 1 });
  return { bus: new EventBridgeBus({ client, busName: 'bus', pause }), sent: http.sent, pause };
}

it('sends one entry', async () => {
  const { bus, sent } = busOver(() => taken);
  await bus.publish(event);
  const { Entries } = JSON.parse(sent[0]?.body ?? '');
  expect(Entries).toMatchObject([
    {
      EventBusName: 'bus',
      Source: 'registry.prune',
      DetailType: 'Prune',
      Detail: '{"text":"é"}',
      Resources: ['arn:x'],
    },
  ]);
  expect(Entries.length).toBeLessThanOrEqual(MAX_BUS_ENTRIES);
});

it('sends again what was refused for a while', async () => {
  const { bus, sent, pause } = busOver(
    (index) => [refused('ThrottlingException'), refused('InternalFailure'), taken][index] ?? taken,
  );
  await bus.publish(event);
  expect(sent).toHaveLength(3);
  expect(pause.waits).toEqual([25, 50]);
});

it('gives up on a lasting refusal after some tries, and at once on a final one', async () => {
  const busy = busOver(() => refused('ThrottlingException'));
  await expect(busy.bus.publish(event)).rejects.toMatchObject({
    name: 'EventNotPublishedError',
    message: expect.stringContaining('ThrottlingException'),
  });
  expect(busy.sent).toHaveLength(6);
  const denied = busOver(() => refused('NotAuthorizedForSourceException'));
  await expect(denied.bus.publish(event)).rejects.toThrow('NotAuthorizedForSourceException: why');
  expect(denied.sent).toHaveLength(1);
});

it('says what the SDK could not do, with the cause', async () => {
  const { bus } = busOver(() => json({ __type: 'AccessDeniedException', message: 'no' }, 400));
  await expect(bus.publish(event)).rejects.toMatchObject({
    name: 'EventNotPublishedError',
    cause: { name: 'AccessDeniedException' },
  });
});

it('counts bytes as EventBridge does, and sends nothing larger', async () => {
  expect(
    entryBytes({ Source: 'ab', DetailType: 'é', Detail: '{}', Resources: ['xyz'], Time: new Date() }),
  ).toBe(14 + 2 + 2 + 2 + 3);
  expect(entryBytes({ Source: 'ab' })).toBe(2);
  const fixed = 14 + 1 + 1 + '{"t":""}'.length;
  const sized = (bytes: number) => ({
    source: 's',
    detailType: 'd',
    time: new Date(),
    detail: { t: 'x'.repeat(bytes - fixed) },
  });
  const { bus, sent } = busOver(() => taken);
  await bus.publish(sized(MAX_BUS_ENTRY_BYTES));
  await expect(bus.publish(sized(MAX_BUS_ENTRY_BYTES + 1))).rejects.toMatchObject({
    name: 'EventNotPublishedError',
  });
  expect(sent).toHaveLength(1);
});
