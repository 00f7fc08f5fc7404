/** Sentences of the indexer (docs/safety.md, section 4), taken out. */
import type { Mutant } from './mutant.ts';

export const INDEXER: readonly Mutant[] = [
  {
    name: 'indexer 3: a touch does not queue',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "return { state: 'live', touchedAt: at, queue, dueAt: at + grace } as const;",
        to: "return { state: 'live', touchedAt: at } as const; void queue; void grace;",
      },
    ],
    worlds: ['put and deleted, events of manifests and tags', 'put and deleted', 'upload without an end'],
  },
  {
    name: 'indexer 2: touch before edge',
    changes: [
      {
        file: 'index/apply-manifest.ts',
        from: '  await metadata.table.write(edges(manifest, touch.at).map((put) => ({ put })));\n  const manifests = await manifestsHeld(metadata, manifest);\n  const held = await Promise.all([\n    ...manifests.map((target) => holdManifest(context, name, target, touch)),\n    ...blobsNeeded(manifest).map((blob) => holdBlob(context, blob, touch)),\n  ]);',
        to: '  const manifests = await manifestsHeld(metadata, manifest);\n  const held = await Promise.all([\n    ...manifests.map((target) => holdManifest(context, name, target, touch)),\n    ...blobsNeeded(manifest).map((blob) => holdBlob(context, blob, touch)),\n  ]);\n  await metadata.table.write(edges(manifest, touch.at).map((put) => ({ put })));',
      },
    ],
    worlds: ['slow indexer of an index, events of manifests', 'slow indexer of an index'],
  },
  {
    name: 'indexer 3: a touch does not renew the grace',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "if (await this.table.update(key, { set: live(queue, touch), add }, noLater)) return 'live';",
        to: "const { touchedAt: _, ...reset } = live(queue, touch);\n    if (await this.table.update(key, { set: reset, add }, noLater)) return 'live';",
      },
    ],
    worlds: ['untag beside a run, events of tags', 'untag beside'],
  },
  {
    name: 'indexer 3: a touch does not count as a change',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "if (await this.table.update(key, { set: live(queue, touch), add }, noLater)) return 'live';",
        to: "if (await this.table.update(key, { set: live(queue, touch) }, noLater)) return 'live';",
      },
    ],
    worlds: ['push beside unlinking, events of links'],
  },
  {
    name: 'indexer 3: a run unqueues what was touched since',
    changes: [
      {
        file: 'prune/requeue.ts',
        from: "await run.metadata.transition(key, item.version, {}, ['queue', 'dueAt']);",
        to: "await run.metadata.table.update(key, { remove: ['queue', 'dueAt'], add: { version: 1 } });",
      },
    ],
    worlds: ['untag beside a run, events of tags', 'untag beside'],
  },
  {
    name: 'indexer 4: relink skipped',
    changes: [
      {
        file: 'index/apply-manifest.ts',
        from: 'await Promise.all(blobsLinked(manifest).map((blob) => relink(context, name, blob, context.now())));',
        to: 'void blobsLinked; void relink;',
      },
    ],
    worlds: ['push beside unlinking'],
  },
  {
    name: 'indexer 4: a link that goes while a manifest needs it stays away',
    changes: [
      {
        file: 'index/apply-blob.ts',
        from: 'if (await metadata.referencedIn(digest, name)) {',
        to: 'if (false as boolean) {',
      },
    ],
    worlds: ['crash of an unlinking, events of manifests'],
  },
  {
    name: 'indexer 5: no rescue mark',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "if ((await this.transition(key, version, { rescue: true }, [], gained)) !== undefined)\n            return 'deleting';\n          break;",
        to: "return 'deleting';",
      },
    ],
    worlds: ['tag beside deletion, events of tags', 'tag beside deletion, events'],
  },
  {
    name: 'indexer 5: not tried again after a rescue mark',
    changes: [
      {
        file: 'index/context.ts',
        from: 'if (deleting.length > 0) return',
        to: 'if (deleting.length < 0) return',
      },
    ],
    worlds: ['push beside sweep, events of tags', 'crash of a sweep'],
    guardedBy: { what: 'the rescue mark', pair: 'indexer 5: neither a rescue mark nor another try' },
  },
  {
    name: 'indexer 5: neither a rescue mark nor another try',
    changes: [
      {
        file: 'index/context.ts',
        from: 'if (deleting.length > 0) return',
        to: 'if (deleting.length < 0) return',
      },
      {
        file: 'store/metadata.ts',
        from: "if ((await this.transition(key, version, { rescue: true }, [], gained)) !== undefined)\n            return 'deleting';\n          break;",
        to: "return 'deleting';",
      },
    ],
    worlds: [
      'tag beside deletion, events of tags',
      'tag beside deletion, events',
      'push beside sweep, events of manifests',
    ],
  },
  {
    name: 'indexer 6: edges of what is deleted stay',
    changes: [
      {
        file: 'index/apply-manifest.ts',
        from: 'await removeManifestEdges(metadata, named, { at: now(), grace });\n  await',
        to: "if (item?.state !== 'deleted' && item?.state !== 'deleting') await removeManifestEdges(metadata, named, { at: now(), grace });\n  await",
      },
    ],
    worlds: [
      'pushed again and deleted again, events of manifests',
      'pushed again and deleted',
      'put and deleted',
    ],
  },
  {
    name: 'indexer 6: no new version for what goes anyway',
    changes: [
      {
        file: 'index/apply-manifest.ts',
        from: 'return (await metadata.transition(key, item.version, {})) === undefined ? undefined : APPLIED;',
        to: 'return APPLIED;',
      },
    ],
    worlds: ['pushed again and deleted again, events of manifests', 'pushed again and deleted'],
  },
  {
    name: 'indexer 7: data alone makes no item',
    changes: [
      {
        file: 'index/apply-blob.ts',
        from: 'if (item === undefined) {\n    written =',
        to: 'if (item === undefined) {\n    return APPLIED;\n    written =',
      },
    ],
    worlds: ['upload without an end, events of data', 'upload without an end'],
  },
  {
    name: 'indexer 7: data of a deleted blob makes it no candidate',
    changes: [
      {
        file: 'index/apply-blob.ts',
        from: "} else if (item.state === 'deleted') {",
        to: "} else if (item.state === 'deleted') {\n    return APPLIED;\n  } else if (size < 0) {",
      },
    ],
    worlds: ['data of a deleted blob, events of data', 'data of a deleted blob'],
  },
  {
    name: 'indexer 8: what is deleted and needed again stays deleted',
    changes: [
      {
        file: 'store/hold.ts',
        from: 'if (!(await makeVisible(stores, item)) && !wasNeverThere(item)) return { ...WHOLE, lost: [digest] };',
        to: 'return WHOLE;',
      },
    ],
    worlds: ['push beside sweep'],
  },
];
