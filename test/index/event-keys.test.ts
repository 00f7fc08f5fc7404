import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Hint, hintsOf, postponedBody, UnknownEventError } from '../../lambdas/index/event-keys.ts';
import { BUCKET, busEvent, notification } from '../support/indexer.ts';
import { runs } from '../support/runs.ts';

const KEY = 'docker/registry/v2/repositories/a+b c/é%/_layers/link';
const hint: Hint = { bucket: BUCKET, key: KEY, postponed: 0 };

describe('a message tells of a key', () => {
  it.each(['Object Created', 'Object Deleted'])('as %s of EventBridge, whose keys are plain', (type) => {
    expect(hintsOf(busEvent(KEY, type))).toEqual([hint]);
  });

  it.each([
    'ObjectCreated:Put',
    'ObjectCreated:Copy',
    'ObjectCreated:CompleteMultipartUpload',
    'ObjectRemoved:Delete',
    'ObjectRemoved:DeleteMarkerCreated',
    'LifecycleExpiration:Delete',
    's3:ObjectCreated:Put',
  ])('as %s of S3, whose keys are encoded as in a form', (name) => {
    expect(hintsOf(notification(KEY, name))).toEqual([hint]);
  });

  it('and S3 may put several in one', () => {
    const [one, two] = [JSON.parse(notification('a')), JSON.parse(notification('b'))];
    const both = JSON.stringify({ Records: [...one.Records, ...two.Records] });
    expect(hintsOf(both).map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('and nothing else of it is believed: neither a count from S3 nor an order', () => {
    const event = JSON.parse(busEvent(KEY));
    event.detail.postponed = 7;
    expect(hintsOf(JSON.stringify(event))).toEqual([hint]);
  });
});

describe('a message tells of none', () => {
  const typed = (source: string, type: string) => {
    const event = JSON.parse(busEvent(KEY, type));
    return JSON.stringify({ ...event, source });
  };
  it.each([
    ["S3's test", JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: BUCKET })],
    ['tags of an object', busEvent(KEY, 'Object Tags Added')],
    ['its storage class', busEvent(KEY, 'Object Storage Class Changed')],
    ['its access rules', notification(KEY, 'ObjectAcl:Put')],
    ['its return from an archive', notification(KEY, 'ObjectRestore:Completed')],
    ['an event of another service', typed('aws.backup', 'Object Created')],
    ['a postponement by somebody else', typed('aws.s3', 'Key Postponed')],
    ["this product's other events", typed('registry-prune', 'Object Created')],
    ['no record', JSON.stringify({ Records: [] })],
  ])('when it is of %s', (_, body) => {
    expect(hintsOf(body)).toEqual([]);
  });
});

describe('a key that is put off', () => {
  it('comes back as it was, and counts how often', () => {
    const once = postponedBody(hint);
    expect(hintsOf(once)).toEqual([{ ...hint, postponed: 1 }]);
    const [again = hint] = hintsOf(once);
    expect(hintsOf(postponedBody(again))).toEqual([{ ...hint, postponed: 2 }]);
  });

  it('comes back whatever it is called', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (key, postponed) => {
        const [back] = hintsOf(postponedBody({ ...hint, key, postponed }));
        expect(back).toEqual({ ...hint, key, postponed: postponed + 1 });
      }),
      runs(200),
    );
  });
});

describe('what is not understood', () => {
  it.each([
    '',
    'not JSON',
    'null',
    '1',
    '"text"',
    '[]',
    '{}',
    '{"Records":{}}',
    '{"Records":[{"eventName":"ObjectCreated:Put"}]}',
    '{"source":"aws.s3","detail-type":"Object Created","detail":{"bucket":{"name":"b"}}}',
    '{"Type":"Notification","Message":"{}"}',
    notification('a').replace('"a"', '"%E0%A4%A"'),
  ])('fails by name, so that it ends where a run sees it: %s', (body) => {
    expect(() => hintsOf(body)).toThrow(UnknownEventError);
  });

  it('shows no more of a message than its beginning', () => {
    expect(() => hintsOf('x'.repeat(100_000))).toThrow(/^.{0,300}$/);
  });

  it('never fails in another way', () => {
    const event = fc.record(
      {
        source: fc.constantFrom('aws.s3', 'registry-prune'),
        'detail-type': fc.constantFrom('Object Created', 'Key Postponed'),
        detail: fc.record(
          {
            bucket: fc.record({ name: fc.anything() }, { requiredKeys: [] }),
            object: fc.record({ key: fc.anything() }, { requiredKeys: [] }),
            postponed: fc.anything(),
          },
          { requiredKeys: [] },
        ),
        Records: fc.array(
          fc.record({
            eventName: fc.constantFrom('ObjectCreated:Put', 'x'),
            s3: fc.record({
              bucket: fc.record({ name: fc.string() }),
              object: fc.record({ key: fc.string() }),
            }),
          }),
        ),
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      event.map((one) => JSON.stringify(one)),
    );
    fc.assert(
      fc.property(body, (text) => {
        try {
          for (const { bucket, key, postponed } of hintsOf(text)) {
            expect([typeof bucket, typeof key, Number.isInteger(postponed)]).toEqual([
              'string',
              'string',
              true,
            ]);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UnknownEventError);
        }
      }),
      runs(1000),
    );
  });
});
