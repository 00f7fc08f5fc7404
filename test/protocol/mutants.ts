/**
 * The code with one sentence of the protocol taken out. The files stay as they are: a worker loads one of them with a
 * text replaced (worker.ts). Each must be caught, by one of the worlds that are about it.
 */
export interface Change {
  /** Below `lambdas/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface Mutant {
  readonly name: string;
  readonly changes: readonly Change[];
  /** Worlds in which it is looked for, by the beginnings of their names. */
  readonly worlds: readonly string[];
  /**
   * The other guard that suffices without this one. Such a mutant has to live, and the one of the same name with
   * {@link PAIR} after it, which takes out both, has to die.
   */
  readonly guardedBy?: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'indexer 3: a touch does not queue',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "return { state: 'live', touchedAt: at, queue, dueAt: at + grace } as const;",
        to: "return { state: 'live', touchedAt: at } as const; void queue; void grace;",
      },
    ],
    worlds: ['put and deleted', 'upload without an end'],
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
    worlds: ['slow indexer of an index'],
  },
  {
    name: 'indexer 3: a touch does not renew the grace',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "if (await this.table.update(key, { set: live(queue, touch), add }, earlier)) return 'live';",
        to: "const { touchedAt: _, ...reset } = live(queue, touch);\n    if (await this.table.update(key, { set: reset, add }, earlier)) return 'live';",
      },
    ],
    worlds: ['untag beside'],
  },
  {
    name: 'indexer 3: a touch does not count as a change',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "if (await this.table.update(key, { set: live(queue, touch), add }, earlier)) return 'live';",
        to: "if (await this.table.update(key, { set: live(queue, touch) }, earlier)) return 'live';",
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
    worlds: ['untag beside'],
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
    worlds: ['push beside unlinking', 'mount beside', 'blob of two'],
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
    worlds: ['tag beside deletion, events'],
  },
  {
    name: 'indexer 5: a condemned blob that is needed again stays condemned',
    changes: [
      {
        file: 'store/metadata.ts',
        from: "const written = await this.transition(key, version, set, ['condemnedAt'], gained);",
        to: "const written = await this.transition(key, version, state === 'condemned' ? {} : set, [], gained);",
      },
    ],
    worlds: ['push beside sweep, events of links'],
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
    worlds: ['push beside sweep', 'tag beside', 'retag beside', 'crash of a sweep', 'crash of a deletion'],
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
    worlds: ['pushed again and deleted', 'put and deleted'],
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
    worlds: ['pushed again and deleted'],
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
    worlds: ['upload without an end'],
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
    worlds: ['data of a deleted blob'],
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
    worlds: ['tag moved and moved on'],
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
    worlds: ['index tagged', 'subject with', 'nobody'],
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
    worlds: ['index tagged', 'index pushed', 'subject with'],
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
    worlds: ['tag away', 'untag while'],
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
    worlds: ['untag while', 'tag away'],
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
    worlds: ['retag beside', 'tag beside', 'push anew', 'index pushed'],
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
    worlds: ['retag beside', 'tag beside', 'push anew', 'crash of a deletion'],
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
    worlds: ['push beside sweep', 'crash of a sweep'],
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
    worlds: ['tag away'],
  },
  {
    name: 'blob 2: a link that was written meanwhile is marked removed',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: 'const removed = !isWanted && (await run.metadata.transition(edge, link.version, set)) !== undefined;',
        to: 'const removed = !isWanted;\n    if (removed) await run.metadata.table.update(edge, { set, add: { version: 1 } });',
      },
    ],
    worlds: ['upload beside unlinking, events of links'],
  },
  {
    name: 'blob 2: an unlinked repository does not get its link back',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: '    await relink(run, link.name, digest, run.now());',
        to: '    void relink;',
      },
    ],
    worlds: ['push beside unlinking, events of manifests'],
  },
  {
    name: 'blob 2: no look for a reference after the link went',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: 'const isWanted = await run.metadata.referencedIn(digest, link.name);',
        to: 'const isWanted = false as boolean;',
      },
    ],
    worlds: ['push beside unlinking, events of manifests'],
  },
  {
    name: 'blob 2: no journal before it',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: 'await run.journal.write(\n    links.map(',
        to: 'await Promise.resolve(\n    links.map(',
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
    worlds: ['nobody'],
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
        from: 'if (!wanted && !(await isLinked(run, item, view))) return { ...taken, view };',
        to: 'if (!wanted) return { ...taken, view }; void isLinked;',
      },
    ],
    worlds: ['late event'],
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
    worlds: ['push elsewhere beside sweep, events'],
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
    worlds: ['link without'],
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
    worlds: ['push beside sweep'],
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
    worlds: ['push beside sweep'],
  },
  {
    name: 'crashes: a blob found deleting is left',
    changes: [
      {
        file: 'prune/blobs.ts',
        from: "return item.runId === run.runId ? left : { next: 'resolve', item };",
        to: 'return left;',
      },
    ],
    worlds: ['crash of a sweep'],
  },
  {
    name: 'crashes: a manifest found deleting is left',
    changes: [
      {
        file: 'prune/manifests.ts',
        from: "if (item.state === 'deleting') return await resolve(run, item, obstacle);",
        to: "if (item.state === 'deleting') return 'left'; void resolve;",
      },
    ],
    worlds: ['crash of a deletion'],
  },
  {
    name: 'lock: a lease without the skew',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline + SKEW };',
        to: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline };',
      },
    ],
    worlds: ['deletion under way'],
  },
  {
    name: 'lock: no guard before a deletion',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'if (this.#held && inTime && now - this.#seenAt <= LOOK_LASTS) return;',
        to: 'if (this.#held || !inTime) return;',
      },
    ],
    worlds: ['stale runner'],
  },
  {
    name: 'lock: taken whoever has it',
    changes: [
      {
        file: 'store/lock.ts',
        from: 'const free = { any: [{ absent: true } as const, { lessThan: { expiresAt: now() } }] };',
        to: 'const free = { any: [{ absent: true } as const, { exists: true } as const] };',
      },
    ],
    worlds: ['two runs'],
  },
];
