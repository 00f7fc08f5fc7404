/**
 * Version ids that count for each key by itself. Those of the bucket in memory count over all keys, so that two
 * schedules which differ in nothing that anybody can see would not come to the same state.
 */
import type {
  DeleteOutcome,
  DeleteResult,
  ObjectHead,
  ObjectVersion,
} from '../../lambdas/store/object-store.ts';

export class VersionNames {
  readonly #names = new Map<string, string>();
  readonly #ids = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  name(key: string, id: string): string {
    const known = this.#names.get(id);
    if (known !== undefined) return known;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    const name = `v${count}`;
    this.#names.set(id, name);
    this.#ids.set(`${key}\n${name}`, id);
    return name;
  }

  id(key: string, name: string): string {
    return this.#ids.get(`${key}\n${name}`) ?? name;
  }

  head<T extends ObjectHead>(head: T | undefined): T | undefined {
    if (head?.versionId === undefined) return head;
    return { ...head, versionId: this.name(head.key, head.versionId) };
  }

  /** Newest first; named from the oldest on. */
  list(versions: readonly ObjectVersion[]): ObjectVersion[] {
    return versions
      .toReversed()
      .map((version) => ({ ...version, versionId: this.name(version.key, version.versionId) }))
      .reverse();
  }

  outcome(key: string, outcome: DeleteOutcome): DeleteOutcome {
    if (!outcome.deleted || outcome.marker === undefined) return outcome;
    return { ...outcome, marker: this.name(key, outcome.marker) };
  }

  result({ deleted, failed }: DeleteResult): DeleteResult {
    return {
      deleted: deleted.map((one) => ({
        ...one,
        ...('marker' in one && one.marker !== undefined ? { marker: this.name(one.key, one.marker) } : {}),
        ...('versionId' in one && one.versionId !== undefined
          ? { versionId: this.name(one.key, one.versionId) }
          : {}),
      })),
      failed,
    };
  }
}
