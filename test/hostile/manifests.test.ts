import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MAX_MANIFEST_BYTES, ManifestError, parseManifest } from '../../lambdas/registry/manifest.ts';
import { everyDocument } from '../registry/documents.ts';
import { found, PATIENCE, runs } from '../support/runs.ts';
import { anyBytes, changed, spoilt } from './arbitraries.ts';
import { checkConfig, checkManifest } from './documents.ts';
import { expectCleanPrototypes } from './pollution.ts';
import { config } from './samples.ts';

vi.setConfig({ testTimeout: PATIENCE });
afterEach(expectCleanPrototypes);

const documents = fc.oneof(
  { weight: 1, arbitrary: anyBytes },
  { weight: 6, arbitrary: spoilt(changed(...Object.values(everyDocument))) },
);

describe('a manifest of anything', () => {
  it('is understood exactly, kept with every digest in it, or unreadable', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(documents, (bytes) => {
        const kind = checkManifest(bytes);
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }),
      runs(1_500),
    );
    for (const kind of ['image', 'index', 'schema1', 'artifact', 'unknown', 'unreadable'])
      expect(kinds.get(kind) ?? 0, kind).toBeGreaterThan(found(5));
  });

  it('is unreadable when it is larger than the registry takes', () => {
    expect(() => parseManifest(new Uint8Array(MAX_MANIFEST_BYTES + 1).fill(0x20))).toThrow(ManifestError);
    expect(() => parseManifest(new Uint8Array(10 * 1024 * 1024).fill(0x5b))).toThrow(ManifestError);
  });
});

describe('a config of anything', () => {
  it('has its labels exactly, or cannot be read', () => {
    let withLabels = 0;
    const configs = fc.oneof(
      { weight: 1, arbitrary: anyBytes },
      { weight: 3, arbitrary: spoilt(changed(config)) },
      { weight: 3, arbitrary: spoilt(changed(config.config).map((one) => `{"config":${one}}`)) },
      {
        weight: 3,
        arbitrary: spoilt(changed(config.config.Labels).map((one) => `{"config":{"Labels":${one}}}`)),
      },
    );
    fc.assert(
      fc.property(configs, (bytes) => {
        if (checkConfig(bytes)) withLabels += 1;
      }),
      runs(2_000),
    );
    expect(withLabels).toBeGreaterThan(found(200));
  });
});
