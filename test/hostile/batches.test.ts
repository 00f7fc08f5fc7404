import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { busEvent, notification } from '../support/indexer.ts';
import { layerKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { anyBytes, anyText, changed, json, spoilt } from './arbitraries.ts';
import { app, checkBatch, checkHeartbeat } from './batches.ts';
import { TEXTS } from './corpus.ts';
import { expectCleanPrototypes } from './pollution.ts';
import { messages } from './samples.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('a batch of messages of anything', () => {
  const documents = messages.map((text): object => JSON.parse(text));
  const keys = [revisionKey('app', app.digest), layerKey('app', app.digest), tagLinkKey('app', 'v1')];
  const good = fc.tuple(fc.constantFrom(...keys), fc.constantFrom(busEvent, notification));
  const body = fc.oneof(
    good.map(([key, write]) => write(key)),
    anyText.map((key) => busEvent(key)),
    spoilt(fc.oneof(json, changed(...documents))).map(decode),
    fc.constantFrom(...Object.values(TEXTS).filter((text) => text.length < 10_000)),
  );

  it('fails exactly those of no known form, and applies the rest', async () => {
    const sum = { failed: 0, applied: 0, mixed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 10 }), async (bodies) => {
        const { failed, applied } = await checkBatch(bodies);
        sum.failed += failed;
        sum.applied += applied;
        if (failed > 0 && applied > 0) sum.mixed += 1;
      }),
      runs(150),
    );
    for (const count of Object.values(sum)) expect(count).toBeGreaterThan(found(50));
  });
});

describe('a heartbeat of anything', () => {
  it('says when it was written, by the bucket alone', async () => {
    let seen = 0;
    const key = fc.oneof(anyText, fc.constant('id-1'));
    await fc.assert(
      fc.asyncProperty(key, anyBytes, async (id, written) => {
        if (await checkHeartbeat(id, written)) seen += 1;
      }),
      runs(200),
    );
    expect(seen).toBeGreaterThan(found(100));
  });
});
