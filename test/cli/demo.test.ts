import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { attestation, digestOf, image, index, layer, utf8 } from '../../local/demo-images.ts';
import { needless, notWhole, Proofs, walkTags } from '../../local/demo-proof.ts';
import { dataKey, layerKey, repositoryKey, revisionKey } from '../../local/demo-registry.ts';
import type { Repository, View } from '../../local/demo-view.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const PROJECT = join(import.meta.dirname, '..', '..');

describe('the demo', () => {
  let output: string;

  beforeAll(() => {
    output = execFileSync(process.execPath, ['local/demo.ts'], { cwd: PROJECT, encoding: 'utf8' });
  }, 120_000);

  it('proves what it claims', () => {
    expect(output.match(/^✓/gm)).toHaveLength(6);
    expect(output).not.toContain('✗');
  });

  it('fits a few screens and has no colours', () => {
    expect(output.split('\n').length).toBeLessThan(140);
    expect(output).not.toContain('\u001b');
  });
});

/** Proofs that cannot fail prove nothing. */
describe("the demo's proofs", () => {
  const child = image([layer('small', 100)]);
  const list = index([child, attestation(child)]);
  const everything = [list, ...list.children];
  const before = viewOf(pushed());

  function pushed(): Map<string, Uint8Array> {
    const objects = new Map<string, Uint8Array>();
    for (const { digest, bytes, blobs } of everything) {
      objects.set(dataKey(digest), bytes).set(revisionKey('a', digest), utf8(digest));
      for (const blob of blobs) {
        const named = digestOf(blob);
        objects.set(dataKey(named), blob).set(layerKey('a', named), utf8(named));
      }
    }
    return objects;
  }

  function viewOf(objects: Map<string, Uint8Array>): View {
    const revisions = new Set(
      everything.map(({ digest }) => digest).filter((d) => objects.has(revisionKey('a', d))),
    );
    const tags = new Map([['v1', list.digest]]);
    const repository: Repository = { name: 'a', revisions, layers: new Set(), tags, uploads: new Map() };
    return { objects, repositories: new Map([['a', repository]]) };
  }

  const objections = (view: View) => notWhole(walkTags(before), walkTags(view), new Set());

  it('hold for what was not touched', () => {
    expect(objections(before)).toEqual([]);
    expect(needless(before, walkTags(before), 'none')).toEqual([]);
  });

  it.each([...pushed().keys()])('notice that %s is gone', (key) => {
    const objects = pushed();
    objects.delete(key);
    expect(objections(viewOf(objects))).not.toEqual([]);
  });

  it.each([...pushed().keys()])('notice that %s has other bytes', (key) => {
    const objects = pushed();
    objects.set(key, utf8('{}{}'));
    expect(objections(viewOf(objects))).not.toEqual([]);
  });

  it('notice a tag that is gone, unless it was to go', () => {
    const none = new Map();
    expect(notWhole(walkTags(before), none, new Set())).toEqual(['a:v1 is gone']);
    expect(notWhole(walkTags(before), none, new Set(['a:v1']))).toEqual([]);
  });

  it('notice what nothing needs', () => {
    const objects = pushed();
    const extra = `${repositoryKey('a')}/_layers/sha256/${'0'.repeat(64)}/link`;
    objects.set(extra, utf8(''));
    expect(needless(viewOf(objects), walkTags(before), 'none')).toEqual([extra]);
  });

  it('remember what failed', () => {
    let text = '';
    const proofs = new Proofs((more) => {
      text += more;
    });
    proofs.equal('one figure', { report: 1, bucket: 2 });
    proofs.equal('the other', { report: 3, bucket: 3 });
    expect(proofs.failed).toEqual(['one figure']);
    expect(text).toBe('✗ one figure\n    report: 1\n    bucket: 2\n✓ the other\n');
  });
});
