/** Sentences of a run, for blobs (docs/safety.md, section 4), taken out. */
import type { Mutant } from './mutant.ts';

export const BLOB: readonly Mutant[] = [
  {
    name: 'blob 2: a link that was written meanwhile is marked removed',
    changes: [
      {
        file: 'prune/unlink.ts',
        from: 'const removed =\n    !isWanted && (await run.metadata.transition(linkKey(digest, name), version, set)) !== undefined;',
        to: 'const removed = !isWanted; void version;\n  if (removed) await run.metadata.table.update(linkKey(digest, name), { set, add: { version: 1 } });',
      },
    ],
    worlds: ['upload beside unlinking, events of links'],
  },
  {
    name: 'blob 2: an unlinked repository does not get its link back',
    changes: [
      {
        file: 'prune/unlink.ts',
        from: '  await relink(run, name, digest, run.now());',
        to: '    void relink;',
      },
    ],
    worlds: ['push beside unlinking, events of manifests'],
  },
  {
    name: 'blob 2: no look for a reference after the link went',
    changes: [
      {
        file: 'prune/unlink.ts',
        from: 'const isWanted = await run.metadata.referencedIn(digest, name);',
        to: 'const isWanted = false as boolean;',
      },
    ],
    worlds: ['push beside unlinking, events of manifests'],
  },
  {
    name: 'blob 2: no journal before it',
    changes: [
      {
        file: 'prune/unlink.ts',
        from: 'await run.journal.write(ripe.flatMap(lines));',
        to: 'void lines;',
      },
    ],
    worlds: ['push beside unlinking'],
  },
  {
    name: 'blob 3: swept before it is unlinked',
    changes: [
      {
        file: 'prune/plan-blob.ts',
        from: 'const stale = links.filter((link) => isInForce(link) && !context.referencedIn(link.name));',
        to: 'const stale: LinkEdge[] = []; void links;',
      },
    ],
    worlds: ['nobody but a run', 'nobody'],
  },
  {
    name: 'blob 3: no quarantine',
    changes: [
      {
        file: 'prune/gate.ts',
        from: 'quarantine: offline || foresees ? 0 : settings.quarantine,',
        to: 'quarantine: 0,',
      },
    ],
    worlds: ['push beside unlinking, without versions'],
  },
  {
    name: 'blob 5: no last look in the bucket',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'if (!wanted && !(await isLinked(run, item, view))) return { ...taken, repositories: namesIn(view) };',
        to: 'if (!wanted) return { ...taken, repositories: namesIn(view) }; void isLinked;',
      },
    ],
    worlds: ['late event, without versions', 'late event'],
  },
  {
    name: 'blob 5: no last look at all',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'const needed = [...view.references, ...view.links].some(isInForce);\n  const isBeyond',
        to: 'const needed = false; void isInForce;\n  const isBeyond',
      },
    ],
    worlds: ['push elsewhere beside sweep, events of manifests', 'push elsewhere beside sweep, events'],
  },
  {
    name: 'blob 5: the edge of a link that is found is not put back',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: '    await putLink(run.metadata, name, digest, link.lastModified.getTime());\n    found = true;',
        to: '    void putLink;\n    found = true;',
      },
    ],
    worlds: ['link without an event', 'link without'],
  },
  {
    name: 'blob 6: no journal before it',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'await run.journal.write(\n    located.flatMap(',
        to: 'await Promise.resolve(\n    located.flatMap(',
      },
    ],
    worlds: ['two runs'],
  },
  {
    name: 'blob 7: no HEAD before the deletion',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'return { ...doomed, key: run.bucket.layout.blobData(digest), size: data?.size };',
        to: 'return { ...doomed, key: run.bucket.layout.blobData(digest), size: data?.size ?? 0 };',
      },
    ],
    worlds: ['crash of a lone sweep'],
  },
  {
    name: 'blob 7: errors of single keys ignored',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'return new Map(deleted.map(({ key, marker }) => [key, marker]));',
        to: 'return new Map([...deleted, ...failed.map(({ key }) => ({ key, marker: undefined }))].map(({ key, marker }) => [key, marker]));',
      },
    ],
    worlds: ['refused deletion'],
  },
  {
    name: 'blob 8: counted before the tombstone',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {',
        to: 'run.tally.spaceReclaimed += bytes ?? 0;\n  if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {\n    run.tally.spaceReclaimed -= bytes ?? 0;',
      },
    ],
    worlds: ['push beside sweep, events of manifests', 'push beside sweep'],
  },
  {
    name: 'blob 8: a tombstone whatever was written meanwhile',
    changes: [
      {
        file: 'prune/sweep.ts',
        from: 'if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {',
        to: 'if ((await run.metadata.table.update(blobKey(digest), { set, remove: gone, add: { version: 1 } })) !== undefined) { void version;',
      },
    ],
    worlds: ['push beside sweep, events of manifests', 'push beside sweep'],
  },
];
