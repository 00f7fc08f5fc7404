/** The order of the partitions of the generated registry's table. */
import { type Digest, isDigest } from '../../lambdas/registry/digest.ts';
import {
  blobPk,
  heartbeatKey,
  holdersPk,
  referrersPk,
  repositoriesPk,
  repositoryPk,
} from '../../lambdas/store/items.ts';
import { compareUtf8 } from '../../lambdas/store/order.ts';
import type { Catalog } from './catalog.ts';
import { repositoryName } from './releases.ts';

/** Partition keys that there may be, in order, from about one on. */
export function* partitionKeys(catalog: Catalog, pk: string): Generator<string> {
  const names = Array.from({ length: catalog.repositories }, (_, repository) => repositoryName(repository));
  const blob = pk.startsWith('BLOB#') ? pk.slice('BLOB#'.length) : 'sha256:';
  if (pk < 'BLOB$') {
    const from = isDigest(blob) ? blob : 'sha256:';
    for (const one of catalog.inOrder(from)) {
      if (catalog.isNamed(one)) yield blobPk(catalog.digest(one));
    }
  }
  yield* manifestKeys(catalog, pk, { prefix: 'HOLDERS#', keyOf: holdersPk });
  yield heartbeatKey.pk;
  yield* manifestKeys(catalog, pk, { prefix: 'REFERRERS#', keyOf: referrersPk });
  yield* names.map(repositoryPk).sort(compareUtf8);
  yield repositoriesPk;
}

interface ManifestKeys {
  readonly prefix: string;
  readonly keyOf: (name: string, digest: Digest) => string;
}

/** Keys of partitions that belong to a manifest each. */
function* manifestKeys(catalog: Catalog, from: string, { prefix, keyOf }: ManifestKeys): Generator<string> {
  const repositories = Array.from({ length: catalog.repositories }, (_, repository) => ({
    repository,
    name: repositoryName(repository),
  })).sort((a, b) => compareUtf8(`${a.name}@`, `${b.name}@`));
  for (const { name, repository } of repositories) {
    if (compareUtf8(`${prefix}${name}A`, from) <= 0) continue;
    const manifests = catalog.manifestsOf(repository);
    yield* manifests.map((manifest) => keyOf(name, catalog.manifestDigest(manifest))).sort(compareUtf8);
  }
}
