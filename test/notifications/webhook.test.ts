import { describe, expect, it } from 'vitest';
import { PullRecorder } from '../../lambdas/notifications/pulls.ts';
import { fixedSecrets } from '../../lambdas/notifications/secrets.ts';
import {
  MAX_BODY_BYTES,
  receive,
  type Webhook,
  type WebhookRequest,
} from '../../lambdas/notifications/webhook.ts';
import { urlEvent } from '../support/function-url.ts';
import { image } from '../support/images.ts';
import { World } from '../support/world.ts';
import { envelope, event } from './envelopes.ts';

const SECRET = 'a-secret-of-some-length';
const NEXT = 'the-secret-after-that';
const AUTHORIZED = { authorization: `Bearer ${SECRET}` };

const { digest } = image('pulled');
const pullOf = (target: Readonly<Record<string, unknown>> = {}, timestamp?: string) =>
  event({
    target: { repository: 'app', digest, ...target },
    ...(timestamp === undefined ? {} : { timestamp }),
  });

async function indexed() {
  const world = new World();
  await world.registry.push('app', image('pulled'), 'v1');
  await world.reindex();
  const webhook: Webhook = {
    secrets: fixedSecrets([SECRET, NEXT]),
    pulls: new PullRecorder(world.metadata),
    now: world.clock.now,
  };
  return { world, webhook };
}

/** Sends a request that must change nothing. */
async function refused(request: WebhookRequest) {
  const { world, webhook } = await indexed();
  const before = await world.items();
  const { answer, counts } = await receive(webhook, request);
  expect(counts).toBeUndefined();
  expect(await world.items()).toEqual(before);
  expect(answer.headers['content-type']).toBe('application/json');
  return { ...answer, message: String(JSON.parse(answer.body).message) };
}

describe('a request', () => {
  it.each([SECRET, NEXT])('with any of the secrets is taken', async (secret) => {
    const { world, webhook } = await indexed();
    const request = urlEvent(envelope(pullOf({ tag: 'v1' })), { authorization: `Bearer ${secret}` });
    const { answer } = await receive(webhook, request);
    expect(answer.statusCode).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ recorded: 2, unchanged: 0, ignored: 0, unknown: 0 });
    expect(await world.metadata.tag('app', 'v1')).toMatchObject({ lastPulledAt: world.clock.now() });
  });

  it('is taken whether its body comes as text or in base64', async () => {
    for (const type of ['application/json', 'application/vnd.docker.distribution.events.v1+json']) {
      const { webhook } = await indexed();
      const request = urlEvent(envelope(pullOf()), { ...AUTHORIZED, 'content-type': type });
      expect(request.isBase64Encoded).toBe(type !== 'application/json');
      expect(await receive(webhook, request)).toMatchObject({ counts: { recorded: 1 } });
    }
  });

  it('is accepted though not all of it is of use, or the registry would send it for ever', async () => {
    const { world, webhook } = await indexed();
    const body = envelope(
      ...[pullOf(), pullOf({ tag: 'gone' }), pullOf({ digest: 'sha256:12' }), null],
      ...[event({ action: 'push' }), event({ action: 'scan' })],
    );
    const { answer, problems } = await receive(webhook, urlEvent(body, AUTHORIZED));
    expect(answer.statusCode).toBe(200);
    expect(JSON.parse(answer.body)).toEqual({ recorded: 1, unchanged: 0, ignored: 4, unknown: 1 });
    expect(problems).toEqual([expect.stringMatching(/^event 2: /), expect.stringMatching(/^event 3: /)]);
    expect(await world.metadata.manifest('app', digest)).toMatchObject({ lastPulledAt: world.clock.now() });
  });

  it('counts as of the time it tells, and of now when that is still to come', async () => {
    for (const [timestamp, expected] of [
      ['2026-02-27T12:00:00Z', Date.parse('2026-02-27T12:00:00Z')],
      ['2036-01-01T00:00:00Z', Date.parse('2026-03-01T00:00:00Z')],
    ] as const) {
      const { world, webhook } = await indexed();
      await receive(webhook, urlEvent(envelope(pullOf({}, timestamp)), AUTHORIZED));
      expect(await world.metadata.manifest('app', digest)).toMatchObject({ lastPulledAt: expected });
    }
  });
});

describe('a request without a valid secret', () => {
  it.each([
    { title: 'none', headers: {} },
    { title: 'a wrong one', headers: { authorization: 'Bearer a-secret-of-some-lengtg' } },
    { title: 'the beginning of one', headers: { authorization: `Bearer ${SECRET.slice(0, -1)}` } },
    { title: 'more than one', headers: { authorization: `Bearer ${SECRET},Bearer ${NEXT}` } },
    { title: 'all of them', headers: { authorization: `Bearer ${SECRET},${NEXT}` } },
    { title: 'none after the scheme', headers: { authorization: 'Bearer ' } },
    { title: 'another scheme', headers: { authorization: `Basic ${SECRET}` } },
    { title: 'no scheme', headers: { authorization: SECRET } },
    { title: 'another header', headers: { 'x-authorization': `Bearer ${SECRET}` } },
  ])('is answered with 401, whatever its body is: $title', async ({ headers }) => {
    for (const body of [envelope(pullOf()), '{']) {
      const { statusCode, headers: answered, message } = await refused(urlEvent(body, headers));
      expect([statusCode, answered['www-authenticate']]).toEqual([401, 'Bearer']);
      expect(message).not.toContain(SECRET);
    }
  });

  it('is taken whatever the case of the scheme', async () => {
    const { webhook } = await indexed();
    const request = urlEvent(envelope(pullOf()), { authorization: `bearer ${SECRET}` });
    expect((await receive(webhook, request)).answer.statusCode).toBe(200);
  });
});

describe('what is refused', () => {
  it.each(['GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS'])('%s', async (method) => {
    const { statusCode, headers, message } = await refused(urlEvent(envelope(pullOf()), AUTHORIZED, method));
    expect([statusCode, headers['allow']]).toEqual([405, 'POST']);
    expect(message).toBe(`${method} is not allowed: allowed is POST`);
  });

  it.each([
    { title: 'nothing', body: '' },
    { title: 'no JSON', body: '{"events":[' },
    { title: 'no envelope', body: '{"event":{}}' },
    { title: 'no UTF-8', body: Uint8Array.from([0xff, 0xfe, 0x7b]) },
  ])('a body that is no envelope: $title', async ({ body }) => {
    expect(await refused(urlEvent(body, AUTHORIZED))).toMatchObject({
      ...{ statusCode: 400, message: 'the body is not JSON of the form {"events": [...]}' },
    });
  });

  it('a request without a body', async () => {
    const { body: _, ...request } = urlEvent('', AUTHORIZED);
    expect((await refused(request)).statusCode).toBe(400);
  });

  it('a body that is too large, and too many events', async () => {
    const padded = envelope(pullOf()).padEnd(MAX_BODY_BYTES + 1, ' ');
    expect((await refused(urlEvent(padded, AUTHORIZED))).statusCode).toBe(413);
    const many = envelope(...Array.from({ length: 1_001 }, () => pullOf()));
    expect((await refused(urlEvent(many, AUTHORIZED))).statusCode).toBe(413);
  });
});
