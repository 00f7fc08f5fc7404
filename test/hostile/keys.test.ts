import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { strangeLink } from '../../lambdas/index/strange.ts';
import { cosignSubject, cosignTags } from '../../lambdas/registry/cosign.ts';
import { type Digest, isDigest } from '../../lambdas/registry/digest.ts';
import { type RegistryKey, RegistryLayout } from '../../lambdas/registry/layout.ts';
import { isRepositoryName, isTagName } from '../../lambdas/registry/names.ts';
import { digest } from '../registry/documents.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { anyText, DIGESTS, NAMES } from './arbitraries.ts';
import { placesOf } from './properties.ts';

vi.setConfig({ testTimeout: PATIENCE });

const UUID = '6ba7b810-9dad-41d1-80b4-00c04fd430c8';
const roots = fc.constantFrom('', '/registry/', 'a/b');
/** As a caller without types would: anything in the place of a digest. */
const digests = fc.oneof(anyText, fc.constantFrom(digest('one'))) as fc.Arbitrary<Digest>;
const name = fc.oneof(anyText, fc.constantFrom('app', 'team/app'));
const uuid = fc.oneof(anyText, fc.constant(UUID), fc.constant(UUID.toUpperCase()));

const hostileKey: fc.Arbitrary<RegistryKey> = fc.oneof(
  fc.record({ kind: fc.constant('blob' as const), digest: digests }),
  fc.record({ kind: fc.constant('revision' as const), name, digest: digests }),
  fc.record({ kind: fc.constant('tag' as const), name, tag: name }),
  fc.record({ kind: fc.constant('tag-history' as const), name, tag: name, digest: digests }),
  fc.record({ kind: fc.constant('layer' as const), name, digest: digests }),
  fc.record({ kind: fc.constant('upload' as const), name, uuid, path: name }),
);

function built(build: () => string): string | undefined {
  try {
    return build();
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError);
    return undefined;
  }
}

describe('a key made of anything', () => {
  it('is refused, or below the root and read back as what it was made of', () => {
    let made = 0;
    fc.assert(
      fc.property(roots, hostileKey, (root, key) => {
        const layout = new RegistryLayout(root);
        const text = built(() => layout.keyOf(key));
        if (text === undefined) return;
        made += 1;
        expect(text.startsWith(layout.prefix)).toBe(true);
        expect(layout.parse(text)).toEqual(key);
        // What S3's clients, proxies and people would make of it is still the same place.
        if (key.kind !== 'upload') {
          expect(new URL(text, 'https://bucket.example/').pathname).toBe(`/${text}`);
          expect(text).toMatch(/^[\w./-]+$/);
        }
      }),
      runs(20_000),
    );
    expect(made).toBeGreaterThan(found(500));
  });

  it('makes prefixes that hold nothing of another repository, tag or upload', () => {
    fc.assert(
      fc.property(roots, name, name, uuid, (root, one, tag, id) => {
        const layout = new RegistryLayout(root);
        const repository = `${layout.repositoriesPrefix}${one}/`;
        const prefixes: [() => string, string][] = [
          [() => layout.repositoryPrefix(one), ''],
          [() => layout.revisionsPrefix(one), '_manifests/revisions/'],
          [() => layout.tagsPrefix(one), '_manifests/tags/'],
          [() => layout.tagPrefix(one, tag), `_manifests/tags/${tag}/`],
          [() => layout.layersPrefix(one), '_layers/'],
          [() => layout.uploadPrefix(one, id), `_uploads/${id}/`],
        ];
        for (const [build, rest] of prefixes) {
          const prefix = built(build);
          if (prefix === undefined) continue;
          expect(prefix).toBe(`${repository}${rest}`);
          expect(prefix.split('/').slice(0, -1)).not.toContain('');
          expect(prefix.split('/')).not.toContain('..');
        }
      }),
      runs(5_000),
    );
  });

  it('never is one that is given as unrecognised', () => {
    fc.assert(
      fc.property(roots, fc.array(name, { maxLength: 6 }), (root, parts) => {
        const layout = new RegistryLayout(root);
        for (const one of placesOf(layout, parts.join('/'))) {
          const parsed = layout.parse(one);
          expect(layout.keyOf(parsed)).toBe(one);
          if (parsed.kind !== 'unrecognised') expect(one.startsWith(layout.prefix)).toBe(true);
        }
      }),
      runs(5_000),
    );
  });
});

describe('roots', () => {
  it('are refused, or a prefix of single names', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          name,
          fc.array(name, { maxLength: 4 }).map((parts) => parts.join('/')),
        ),
        (root) => {
          const prefix = built(() => new RegistryLayout(root).prefix);
          if (prefix === undefined) return;
          const parts = prefix.split('/').slice(0, -1);
          expect(parts.slice(-3)).toEqual(['docker', 'registry', 'v2']);
          for (const part of parts) expect(['', '.', '..']).not.toContain(part);
          expect(prefix).not.toContain('\0');
        },
      ),
      runs(5_000),
    );
  });
});

describe('names, tags and digests', () => {
  // The grammars of the OCI distribution specification and of distribution's reference package, by hand.
  const isComponent = (part: string): boolean =>
    /^[a-z0-9]/.test(part) &&
    /[a-z0-9]$/.test(part) &&
    part.split(/[a-z0-9]+/).every((one) => /^(?:|[._]|__|-+)$/.test(one));
  const isDomain = (part: string): boolean =>
    part
      .split('.')
      .every(
        (one) => one !== '' && /^[a-zA-Z0-9-]+$/.test(one) && !one.startsWith('-') && !one.endsWith('-'),
      );

  it('are exactly those of the registry', () => {
    const built = fc.array(
      fc.constantFrom('a', 'B', '0', '.', '_', '__', '-', '--', '/', '..', '\n', ' ', '%', 'é'),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    const texts = fc.oneof(
      name,
      built.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const [first = '', ...rest] = text.split('/');
        const expected =
          text.length <= 255 &&
          rest.every(isComponent) &&
          (isComponent(first) || (rest.length > 0 && isDomain(first)));
        expect(isRepositoryName(text)).toBe(expected);
        const isTag =
          text.length <= 128 && /^[\w.-]+$/.test(text) && !/^[.-]/.test(text) && !text.endsWith('\n');
        expect(isTagName(text)).toBe(isTag);
      }),
      runs(20_000),
    );
  });

  it.each(DIGESTS.map((one) => JSON.stringify(one)))('%s is a digest, or it is not', (json) => {
    const text: string = JSON.parse(json);
    const [algorithm = '', digits = '', ...rest] = text.split(':');
    const lengths: Record<string, number> = { sha256: 64, sha384: 96, sha512: 128 };
    const isOne =
      rest.length === 0 && Object.hasOwn(lengths, algorithm) && digits.length === lengths[algorithm];
    expect(isDigest(text)).toBe(isOne && [...digits].every((digit) => '0123456789abcdef'.includes(digit)));
  });

  it('by which cosign attaches things lead back', () => {
    fc.assert(
      fc.property(anyText, fc.constantFrom('', '.sig', '.att', '.sbom', '.sig.sig', '\n'), (text, suffix) => {
        for (const tag of [text, text.replace(':', '-') + suffix]) {
          const subject = cosignSubject(tag);
          if (subject === undefined) continue;
          expect(isDigest(subject)).toBe(true);
          if (isTagName(tag)) expect(cosignTags(subject)).toContain(tag);
        }
      }),
      runs(3_000),
    );
  });
});

describe('links of unknown layout', () => {
  const layout = new RegistryLayout('');
  const path = digest('kept').replace(':', '/');

  it.each(NAMES.filter((one) => one !== '').map((one) => JSON.stringify(one)))(
    'keep their blob under %s',
    (json) => {
      const name: string = JSON.parse(json);
      for (const area of ['_layers', '_manifests/revisions', '_manifests/tags/x/index']) {
        const key = `${layout.repositoriesPrefix}${name}/${area}/${path}/link`;
        if (layout.parse(key).kind !== 'unrecognised') continue;
        expect(strangeLink(layout, key)?.digest).toBe(digest('kept'));
      }
    },
  );
});
