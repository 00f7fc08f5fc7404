/** Sentences of a run, for manifests, and of repair (docs/safety.md, section 4), taken out. */
import type { Mutant } from './mutant.ts';

export const MANIFEST: readonly Mutant[] = [
  {
    name: 'manifest 1: holders before the grace',
    changes: [
      {
        file: 'prune/plan-manifest.ts',
        from: "  if (rested > run.now()) return keep({ by: 'grace', until: rested });\n  const survey = new Survey(run, start, 'prune');\n  const walk = await survey.walk();\n  if (walk.held) return { ...keep(walk.root), path: walk.path };",
        to: "  const survey = new Survey(run, start, 'prune');\n  const walk = await survey.walk();\n  if (walk.held) return { ...keep(walk.root), path: walk.path };\n  if (rested > run.now()) return keep({ by: 'grace', until: rested });",
      },
    ],
    worlds: ['tagged for a moment'],
  },
  {
    name: 'manifest 1: trust the index',
    changes: [
      {
        file: 'prune/plan-manifest.ts',
        from: 'if (link === undefined || link.digest !== item.digest) return { taggedAt: 0 };',
        to: "if (link === undefined || link.digest !== item.digest) return { root: { by: 'tag', tag } };",
      },
    ],
    worlds: ['tag moved and moved on, events of tags', 'tag moved and moved on'],
  },
  {
    name: 'manifest 3: taken without what is above it',
    changes: [
      {
        file: 'prune/plan-manifest.ts',
        from: 'const group = walk.ancestors.map((digest) => survey.member(digest));\n  for',
        to: 'const group = walk.ancestors.slice(0, 1).map((digest) => survey.member(digest));\n  for',
      },
    ],
    worlds: ['index tagged beside deletion, events of manifests', 'index tagged', 'subject with', 'nobody'],
  },
  {
    name: 'manifest 3: what was taken is not given back',
    changes: [
      {
        file: 'prune/delete-manifests.ts',
        from: 'for (const { item } of taken) await repairManifest(run, item.name, item.digest, item.touchedAt);',
        to: 'void repairManifest;',
      },
    ],
    worlds: [
      'index tagged beside deletion, events of manifests',
      'index tagged',
      'index pushed',
      'subject with',
    ],
  },
  {
    name: 'manifest 4: no second look',
    changes: [
      {
        file: 'prune/delete-manifests.ts',
        from: 'if (await anyAsync(group, (doomed) => holdsAgain(run, doomed, digests))) return await giveBack(run, group);',
        to: '',
      },
    ],
    worlds: ['push anew beside deletion, events of manifests'],
  },
  {
    name: 'manifest 4: a holder without an item does not count',
    changes: [
      {
        file: 'prune/look-again.ts',
        from: "return (await run.metadata.manifest(item.name, edge.digest))?.state !== 'deleting';",
        to: "return (await run.metadata.manifest(item.name, edge.digest))?.state === 'live';",
      },
    ],
    worlds: ['index pushed over a rested child, events of manifests'],
  },
  {
    name: 'manifest 5: no journal before it',
    changes: [
      {
        file: 'prune/delete-manifests.ts',
        from: 'await run.journal.write(group.flatMap((doomed) => lines(doomed, reason, pulled)));',
        to: 'void lines; void reason;',
      },
    ],
    worlds: ['crash of a deletion'],
  },
  {
    name: 'manifest 6: no look at the version under the marker',
    changes: [
      {
        file: 'store/registry-bucket.ts',
        from: "if (versions[marker + 1]?.versionId === removal.versionId) return 'deleted';",
        to: "return 'deleted';",
      },
    ],
    worlds: ['tag away and back', 'tag away', 'untag while'],
  },
  {
    name: 'manifest 6: no If-Match',
    changes: [
      {
        file: 'store/registry-bucket.ts',
        from: 'const outcome = await this.objects.delete(key, removal.etag);',
        to: "const outcome = await this.objects.delete(key, (await this.objects.head(key))?.etag ?? removal.etag);\n    if (outcome.deleted) return 'deleted';",
      },
    ],
    worlds: ['untag while deleting by filter', 'untag while', 'tag away'],
  },
  {
    name: 'manifest 7: looked for others that need a blob before the edge was removed',
    changes: [
      {
        file: 'store/release.ts',
        from: '  const removal = {',
        to: '  const kept = new Set();\n  for (const blob of blobsNeeded(manifest)) {\n    const { references } = await metadata.blob(blob, { all: true });\n    if (references.some((one) => one.name === name && one.manifest !== digest && one.removedAt === undefined)) kept.add(blob);\n  }\n  const removal = {',
      },
      {
        file: 'store/release.ts',
        from: 'metadata.releaseReference(blob, name, touch),',
        to: 'kept.has(blob) ? undefined : metadata.releaseBlob(blob, touch),',
      },
    ],
    worlds: ['both of a layer, events of manifests'],
  },
  {
    name: 'manifest 7: a blob that is no longer needed is not queued',
    changes: [
      {
        file: 'store/metadata.ts',
        from: 'if (!(await this.referencedIn(digest, name))) await this.releaseBlob(digest, touch);',
        to: 'await this.referencedIn(digest, name);',
      },
    ],
    worlds: ['the last two of a layer'],
  },
  {
    name: 'manifest 8: counted and buried whatever was written meanwhile',
    changes: [
      {
        file: 'prune/delete-manifests.ts',
        from: 'if (now.rescue || (await holdsAgain(run, doomed, group))) return false;',
        to: '',
      },
    ],
    worlds: [
      'retag beside deletion, events of tags',
      'retag beside',
      'tag beside',
      'push anew',
      'index pushed',
    ],
  },
  {
    name: 'repair: a manifest goes live unrepaired',
    changes: [
      {
        file: 'store/hold.ts',
        from: 'const link = (await bucket.writeRevisionLink(name, digest)) && (await bucket.revisionLink(name, digest));',
        to: 'const link = undefined as { readonly lastModified: Date } | undefined;',
      },
    ],
    worlds: ['retag beside deletion', 'retag beside', 'tag beside', 'push anew', 'crash of a deletion'],
  },
  {
    name: 'repair: a blob goes live unrepaired',
    changes: [
      {
        file: 'prune/repair.ts',
        from: 'const visible = (await makeVisible(run, item)) || wasNeverThere(item);',
        to: 'const visible = true; void makeVisible; void wasNeverThere;',
      },
    ],
    worlds: ['push beside sweep, events of links', 'push beside sweep', 'crash of a sweep'],
  },
  {
    name: 'repair: tags are not uncovered',
    changes: [
      {
        file: 'store/hold.ts',
        from: 'for (const removal of untagging) if (await bucket.uncoverTag(name, removal)) uncovered = true;',
        to: 'void untagging; void bucket; void name;',
      },
    ],
    worlds: ['tag away and back', 'tag away'],
  },
];
