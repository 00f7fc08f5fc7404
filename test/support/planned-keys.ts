/** What a plan allows to be deleted, as keys of the bucket. */
import type { Plan } from '../../lambdas/plan/document.ts';
import type { PruneDependencies } from '../../lambdas/prune/engine.ts';
import type { Digest } from './images.ts';
import { type Call, intercept } from './intercept.ts';
import { dataKey, layerKey, ROOT, revisionKey, tagLinkKey, uploadDirectory } from './registry-writer.ts';

/** Every key that the plan names. */
export function plannedKeys(plan: Plan): Set<string> {
  return new Set([
    ...plan.manifests.flatMap(({ repository, digest, tags }) => [
      revisionKey(repository, digest as Digest),
      ...tags.map(({ tag }) => tagLinkKey(repository, tag)),
    ]),
    ...plan.links.map(({ repository, digest }) => layerKey(repository, digest as Digest)),
    ...plan.blobs.map(({ digest }) => dataKey(digest as Digest)),
  ]);
}

/** Whether a key may go by the plan: one that it names, an upload of it, or the history of a manifest or tag of it. */
export function mayGo(plan: Plan): (key: string) => boolean {
  const named = plannedKeys(plan);
  const uploads = plan.uploads.map(({ repository, upload }) => uploadDirectory(repository, upload));
  const histories = new Set(
    plan.manifests.map(({ repository, digest }) => `${repository} ${digest.replace(':', '/')}`),
  );
  const tags = new Set(
    plan.manifests.flatMap(({ repository, tags }) => tags.map(({ tag }) => `${repository} ${tag}`)),
  );
  const history = new RegExp(`^${ROOT}repositories/(.+)/_manifests/tags/([^/]+)/index/(\\w+/\\w+)/link$`);
  return (key) => {
    if (named.has(key) || uploads.some((prefix) => key.startsWith(prefix))) return true;
    const [, name, tag, digest] = history.exec(key) ?? [];
    return histories.has(`${name} ${digest}`) || tags.has(`${name} ${tag}`);
  };
}

/** Notes the keys that a run deletes. */
export function watchDeletions(objects: PruneDependencies['objects']): {
  readonly objects: PruneDependencies['objects'];
  readonly deleted: Set<string>;
} {
  const deleted = new Set<string>();
  const keyOf = (value: unknown): string =>
    typeof value === 'string' ? value : String(Reflect.get(Object(value), 'key'));
  const before = ({ operation, arguments: [first] }: Call) => {
    if (!['delete', 'deleteMany', 'deleteVersion', 'deleteVersions'].includes(operation)) return;
    for (const one of Array.isArray(first) ? first : [first]) deleted.add(keyOf(one));
  };
  return { deleted, objects: (guard) => intercept(objects(guard), { before }) };
}
