import { describe, expect, it, test } from 'vitest';
import { TagHistories } from '../../lambdas/index/listing.ts';
import { ReindexReporter } from '../../lambdas/index/reindex-report.ts';
import { type Step, takeSteps } from '../../lambdas/rebuild/job.ts';
import { manifestSteps } from '../../lambdas/rebuild/repositories.ts';
import type { Rebuild } from '../../lambdas/rebuild/state.ts';
import { digestOf, layer } from '../support/images.ts';
import { rebuildContext } from '../support/rebuilds.ts';
import { revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { World } from '../support/world.ts';

/** Steps by their cursors; a dot is none yet. */
function course(text: string) {
  const [made, taken]: string[][] = [[], []];
  async function* steps(): AsyncGenerator<Step | undefined> {
    for (const cursor of text) {
      made?.push(cursor);
      yield cursor === '.' ? undefined : { cursor, take: async () => void taken?.push(cursor) };
    }
  }
  return { made, taken, steps: steps() };
}

describe('steps of a slice', () => {
  it.each([
    ['abc', 'a', 'a'],
    ['..abc', 'a', '..a'],
    ['', undefined, ''],
    ['...', undefined, '...'],
  ])('of %j are not made once time is over', async (text, cursor, made) => {
    const all = course(text);
    expect(await takeSteps(all.steps, () => true)).toBe(cursor);
    expect(all.made?.join('')).toBe(made);
    expect(all.taken).toEqual(cursor === undefined ? [] : [cursor]);
  });

  it('end while one is made for long', async () => {
    const all = course('ab....c');
    let asked = 0;
    expect(await takeSteps(all.steps, () => ++asked > 3)).toBe('b');
    expect(all.made?.join('')).toBe('ab..');
  });

  it('are all taken while there is time', async () => {
    const all = course('a.b.c');
    expect(await takeSteps(all.steps, () => false)).toBeUndefined();
    expect(all.taken?.join('')).toBe('abc');
  });
});

test('the tags of a repository are listed for each 50,000 of its manifests', async () => {
  const [world, name] = [new World(), 'team/app'];
  for (let at = 0; at < 50_001; at++) world.bucket.seed(revisionKey(name, digestOf(layer(`${at}`))), '');
  for (let at = 0; at < 1001; at++) world.bucket.seed(tagLinkKey(name, `v${at}`), '');
  const on = rebuildContext(world);
  const comparison = {
    ...{ context: on.context, reporter: new ReindexReporter() },
    ...{ claimed: new Set<string>(), shown: new Set<string>() },
  };
  const rebuild = { location: 'not looked at' } as Rebuild;
  const steps: string[] = [];
  for await (const step of manifestSteps({ rebuild }, comparison, [name], { section: 'manifests' }))
    steps.push(step === undefined ? '.' : 's');
  // Of each page that is listed a breath, and of each page of manifests then a step.
  const [all, last] = [`${'.'.repeat(50)}..${'s'.repeat(50)}`, '...s'];
  expect(steps.join('')).toBe(all + last);
});

describe('what tags tell', () => {
  const name = 'team/app';
  const [one, other] = [digestOf(layer('one')), digestOf(layer('other'))];
  const listed = (tag: string, time: number) => [
    { kind: 'tag', name, tag, size: 71, lastModified: new Date(time) } as const,
    ...[one, other].map(
      (digest) => ({ kind: 'tag-history', name, tag, digest, size: 71, lastModified: new Date(0) }) as const,
    ),
  ];

  it('is kept of those that are asked for, and of no more names than an item has room for', () => {
    const histories = new TagHistories(new Set([one]));
    for (let at = 0; at < 600; at++) for (const entry of listed(`v${at}`, at)) histories.add(entry);
    expect(histories.of(other)).toBeUndefined();
    expect(histories.of(one)?.tags.size).toBe(500);
    expect(histories.of(one)?.movedAt).toBe(599);
  });

  it('of a tag that stands nowhere has no time of another', () => {
    const histories = new TagHistories();
    for (const entry of [...listed('a', 5), ...listed('b', 7).slice(1)]) histories.add(entry);
    expect(histories.of(one)).toEqual({ tags: new Set(['a', 'b']), movedAt: 5 });
  });
});
