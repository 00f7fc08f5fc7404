/**
 * The code with one sentence of the protocol taken out. The files stay as they are: a worker loads one of them with a
 * text replaced (worker.ts). Each must be caught, by one of the worlds that are about it.
 */
export interface Mutant {
  readonly name: string;
  /** Below `lambdas/`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** Worlds in which it is looked for, by the beginnings of their names. */
  readonly worlds: readonly string[];
  /** Why it is not caught: what else makes good what it breaks. */
  readonly absorbed?: string;
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'indexer 3: a touch does not queue',
    file: 'store/metadata.ts',
    from: "return { state: 'live', touchedAt: at, queue, dueAt: at + grace } as const;",
    to: "return { state: 'live', touchedAt: at } as const; void queue; void grace;",
    worlds: ['put and deleted', 'upload without an end'],
  },
  {
    name: 'indexer 2: touch before edge',
    file: 'index/apply-manifest.ts',
    from: '  await metadata.table.write(edges(manifest, touch.at).map((put) => ({ put })));\n  const manifests = await manifestsHeld(metadata, manifest);\n  const held = await Promise.all([\n    ...manifests.map((target) => holdManifest(context, name, target, touch)),\n    ...blobsNeeded(manifest).map((blob) => holdBlob(context, blob, touch)),\n  ]);',
    to: '  const manifests = await manifestsHeld(metadata, manifest);\n  const held = await Promise.all([\n    ...manifests.map((target) => holdManifest(context, name, target, touch)),\n    ...blobsNeeded(manifest).map((blob) => holdBlob(context, blob, touch)),\n  ]);\n  await metadata.table.write(edges(manifest, touch.at).map((put) => ({ put })));',
    worlds: ['slow indexer'],
  },
  {
    name: 'indexer 4: relink skipped',
    file: 'index/apply-manifest.ts',
    from: 'await Promise.all(blobsLinked(manifest).map((blob) => relink(context, name, blob, context.now())));',
    to: 'void blobsLinked; void relink;',
    worlds: ['push beside unlinking'],
  },
  {
    name: 'indexer 4: a link that goes while a manifest needs it stays away',
    file: 'index/apply-blob.ts',
    from: 'if (await metadata.referencedIn(digest, name)) {',
    to: 'if (false as boolean) {',
    worlds: ['push beside unlinking', 'mount beside', 'blob of two'],
  },
  {
    name: 'indexer 5: no rescue mark',
    file: 'store/metadata.ts',
    from: "if ((await this.transition(key, version, { rescue: true }, [], gained)) !== undefined)\n            return 'deleting';\n          break;",
    to: "return 'deleting';",
    worlds: ['push beside sweep', 'tag beside', 'retag beside', 'index pushed'],
  },
  {
    name: 'indexer 6: no new version for what goes anyway',
    file: 'index/apply-manifest.ts',
    from: 'return (await metadata.transition(key, item.version, {})) === undefined ? undefined : APPLIED;',
    to: 'return APPLIED;',
    worlds: ['deleted and pushed anew', 'put and deleted'],
  },
  {
    name: 'indexer 7: data alone makes no item',
    file: 'index/apply-blob.ts',
    from: 'if (item === undefined) {\n    written =',
    to: 'if (item === undefined) {\n    return APPLIED;\n    written =',
    worlds: ['upload without an end'],
  },
  {
    name: 'indexer 8: what is deleted and needed again stays deleted',
    file: 'store/hold.ts',
    from: 'if (!(await makeVisible(stores, item)) && !wasNeverThere(item)) return { ...WHOLE, lost: [digest] };',
    to: 'return WHOLE;',
    worlds: ['push beside sweep'],
  },
  {
    name: 'manifest 1: trust the index',
    file: 'prune/plan-manifest.ts',
    from: 'if (link === undefined || link.digest !== item.digest) return { taggedAt: 0 };',
    to: "if (link === undefined || link.digest !== item.digest) return { root: { by: 'tag', tag } };",
    worlds: ['tag moved', 'untag while', 'retag beside', 'tag beside'],
  },
  {
    name: 'manifest 3: what was taken is not given back',
    file: 'prune/delete-manifests.ts',
    from: 'for (const { item } of taken) await repairManifest(run, item.name, item.digest, item.touchedAt);',
    to: 'void repairManifest;',
    worlds: ['index tagged', 'index pushed', 'subject with'],
  },
  {
    name: 'manifest 4: no second look',
    file: 'prune/delete-manifests.ts',
    from: 'if (await anyAsync(group, (doomed) => holdsAgain(run, doomed, digests))) return await giveBack(run, group);',
    to: '',
    worlds: ['retag beside', 'tag beside', 'push anew', 'index pushed'],
  },
  {
    name: 'manifest 5: no journal before it',
    file: 'prune/delete-manifests.ts',
    from: 'await run.journal.write(group.flatMap((doomed) => lines(doomed, reason, pulled)));',
    to: 'void lines; void reason;',
    worlds: ['crash of a deletion'],
  },
  {
    name: 'manifest 6: no look at the version under the marker',
    file: 'store/registry-bucket.ts',
    from: "if (versions[marker + 1]?.versionId === removal.versionId) return 'deleted';",
    to: "return 'deleted';",
    worlds: ['tag away', 'untag while'],
  },
  {
    name: 'manifest 6: no If-Match',
    file: 'store/registry-bucket.ts',
    from: 'const outcome = await this.objects.delete(key, removal.etag);',
    to: "const outcome = await this.objects.delete(key, (await this.objects.head(key))?.etag ?? removal.etag);\n    if (outcome.deleted) return 'deleted';",
    worlds: ['untag while', 'tag away'],
  },
  {
    name: 'manifest 8: counted and buried whatever was written meanwhile',
    file: 'prune/delete-manifests.ts',
    from: 'if (now.rescue || (await holdsAgain(run, doomed, group))) return false;',
    to: '',
    worlds: ['retag beside', 'tag beside', 'push anew', 'index pushed'],
  },
  {
    name: 'repair: a manifest goes live unrepaired',
    file: 'store/hold.ts',
    from: 'const link = (await bucket.writeRevisionLink(name, digest)) && (await bucket.revisionLink(name, digest));',
    to: 'const link = undefined as { readonly lastModified: Date } | undefined;',
    worlds: ['retag beside', 'tag beside', 'push anew', 'crash of a deletion'],
  },
  {
    name: 'repair: a blob goes live unrepaired',
    file: 'prune/repair.ts',
    from: 'const visible = (await makeVisible(run, item)) || wasNeverThere(item);',
    to: 'const visible = true; void makeVisible; void wasNeverThere;',
    worlds: ['push beside sweep', 'crash of a sweep'],
  },
  {
    name: 'repair: tags are not uncovered',
    file: 'store/hold.ts',
    from: 'for (const removal of untagging) if (await bucket.uncoverTag(name, removal)) uncovered = true;',
    to: 'void untagging; void bucket; void name;',
    worlds: ['tag away'],
  },
  {
    name: 'blob 2: a link that was written meanwhile is marked removed',
    file: 'prune/blobs.ts',
    from: 'const removed = (await run.metadata.transition(edge, link.version, set)) !== undefined;',
    to: 'const removed = true;\n    await run.metadata.table.update(edge, { set, add: { version: 1 } });',
    worlds: ['push beside unlinking', 'mount beside', 'blob of two'],
  },
  {
    name: 'blob 2: an unlinked repository does not get its link back',
    file: 'prune/blobs.ts',
    from: '    await relink(run, link.name, digest, run.now());',
    to: '    void relink;',
    worlds: ['push beside unlinking', 'mount beside', 'blob of two'],
  },
  {
    name: 'blob 2: no journal before it',
    file: 'prune/blobs.ts',
    from: 'await run.journal.write(\n    links.map(',
    to: 'await Promise.resolve(\n    links.map(',
    worlds: ['push beside unlinking'],
  },
  {
    name: 'blob 3: swept before it is unlinked',
    file: 'prune/plan-blob.ts',
    from: 'const stale = links.filter((link) => isInForce(link) && !context.referencedIn(link.name));',
    to: 'const stale: LinkEdge[] = []; void links;',
    worlds: ['push beside unlinking', 'blob of two'],
  },
  {
    name: 'blob 3: no quarantine',
    file: 'prune/gate.ts',
    from: 'quarantine: offline || foresees ? 0 : settings.quarantine,',
    to: 'quarantine: 0,',
    worlds: ['push beside unlinking, without versions'],
  },
  {
    name: 'blob 5: no last look in the bucket',
    file: 'prune/sweep.ts',
    from: 'if (!wanted && !(await isLinked(run, item, view))) return { ...taken, view };',
    to: 'if (!wanted) return { ...taken, view }; void isLinked;',
    worlds: ['push beside sweep', 'crash of a sweep'],
  },
  {
    name: 'blob 5: no last look at all',
    file: 'prune/sweep.ts',
    from: 'const needed = [...view.references, ...view.links].some(isInForce);\n  const isBeyond',
    to: 'const needed = false; void isInForce;\n  const isBeyond',
    worlds: ['push beside sweep', 'crash of a sweep', 'blob of two'],
  },
  {
    name: 'blob 6: no journal before it',
    file: 'prune/sweep.ts',
    from: 'await run.journal.write(\n    located.flatMap(',
    to: 'await Promise.resolve(\n    located.flatMap(',
    worlds: ['two runs'],
  },
  {
    name: 'blob 7: no HEAD before the deletion',
    file: 'prune/sweep.ts',
    from: 'return { ...doomed, key: run.bucket.layout.blobData(digest), size: data?.size };',
    to: 'return { ...doomed, key: run.bucket.layout.blobData(digest), size: data?.size ?? 0 };',
    worlds: ['crash of a sweep'],
  },
  {
    name: 'blob 7: errors of single keys ignored',
    file: 'prune/sweep.ts',
    from: 'return new Map(deleted.map(({ key, marker }) => [key, marker]));',
    to: 'return new Map([...deleted, ...failed.map(({ key }) => ({ key, marker: undefined }))].map(({ key, marker }) => [key, marker]));',
    worlds: ['refused deletion'],
  },
  {
    name: 'blob 8: counted before the tombstone',
    file: 'prune/sweep.ts',
    from: 'if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {',
    to: 'run.tally.spaceReclaimed += bytes ?? 0;\n  if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {\n    run.tally.spaceReclaimed -= bytes ?? 0;',
    worlds: ['push beside sweep'],
  },
  {
    name: 'blob 8: a tombstone whatever was written meanwhile',
    file: 'prune/sweep.ts',
    from: 'if ((await run.metadata.transition(blobKey(digest), version, set, gone)) !== undefined) {',
    to: 'if ((await run.metadata.table.update(blobKey(digest), { set, remove: gone, add: { version: 1 } })) !== undefined) { void version;',
    worlds: ['push beside sweep'],
  },
  {
    name: 'crashes: a blob found deleting is left',
    file: 'prune/blobs.ts',
    from: "return item.runId === run.runId ? left : { next: 'resolve', item };",
    to: 'return left;',
    worlds: ['crash of a sweep'],
  },
  {
    name: 'crashes: a manifest found deleting is left',
    file: 'prune/manifests.ts',
    from: "if (item.state === 'deleting') return await resolve(run, item, obstacle);",
    to: "if (item.state === 'deleting') return 'left'; void resolve;",
    worlds: ['crash of a deletion'],
  },
  {
    name: 'lock: a lease without the skew',
    file: 'store/lock.ts',
    from: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline + SKEW };',
    to: 'const set = { owner, runId, acquiredAt: now(), expiresAt: deadline };',
    worlds: ['stale runner'],
  },
  {
    name: 'lock: no guard before a deletion',
    file: 'store/lock.ts',
    from: 'if (this.#held && inTime && now - this.#seenAt <= LOOK_LASTS) return;',
    to: 'if (this.#held || !inTime) return;',
    worlds: ['stale runner'],
  },
  {
    name: 'lock: taken whoever has it',
    file: 'store/lock.ts',
    from: 'const free = { any: [{ absent: true } as const, { lessThan: { expiresAt: now() } }] };',
    to: 'const free = { any: [{ absent: true } as const, { exists: true } as const] };',
    worlds: ['two runs'],
  },
];
