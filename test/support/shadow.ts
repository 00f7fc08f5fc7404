/**
 * The same registry without a collector: what clients were told is there, and so what must be there still. What was
 * garbage while a prune ran may be gone, until it is pushed anew.
 */
import { type Step, Writer } from './generated-registry.ts';
import type { Digest } from './images.ts';
import { type Contents, contentsOf, judge } from './oracle.ts';
import { dataKey, revisionKey } from './registry-writer.ts';
import { World } from './world.ts';

const REVISION =
  /^docker\/registry\/v2\/repositories\/(.+)\/_manifests\/revisions\/sha256\/([0-9a-f]+)\/link$/;
const TAG = /^docker\/registry\/v2\/repositories\/(.+)\/_manifests\/tags\/(?!sha256-)[^/]+\/current\/link$/;
/** Histories go with their manifests; a signature's tag goes with its subject. */
const HELD = /\/_layers\/|\/revisions\/|\/data$|\/tags\/(?!sha256-)[^/]+\/current\/link$/;

export class Shadow {
  readonly #world: World;
  readonly #writer: Writer;
  /** Revision links of manifests that were garbage while a prune ran, and have not been pushed since. */
  readonly #mayBeGone = new Set<string>();
  readonly #everPushed = new Set<string>();

  constructor() {
    this.#world = new World({ onChange: (key) => this.#changed(key) });
    this.#writer = new Writer(this.#world);
  }

  async take(step: Step): Promise<void> {
    await this.#writer.take(step);
  }

  /** A prune runs now. */
  async prunes(): Promise<void> {
    const contents = await this.#contents();
    const { live } = this.#judged(contents, this.#world.clock.now());
    for (const key of contents.keys()) if (REVISION.test(key) && !live.has(key)) this.#mayBeGone.add(key);
  }

  /**
   * Keys that must be there: of the tagged images, whole. A referrer or signature that a run deleted together with its
   * subject, whose tag's event was later than the grace, does not come back with it.
   *
   * @param now milliseconds since the epoch.
   */
  async mustBeThere(now: number): Promise<string[]> {
    const contents = await this.#contents();
    const tagged = reached(contents);
    for (const key of contents.keys()) if (REVISION.test(key) && !tagged.has(key)) contents.delete(key);
    const { live } = this.#judged(contents, now);
    return [...live].filter((key) => HELD.test(key));
  }

  async #contents(): Promise<Map<string, { size: number; text: string; modified: number }>> {
    const contents = await contentsOf(this.#world.bucket);
    for (const key of this.#mayBeGone) contents.delete(key);
    return contents;
  }

  /** Whichever of its subjects the indexer has seen: a signature whose subject was never seen is kept in any case. */
  #judged(contents: Contents, now: number) {
    return judge(contents, { now, everIndexed: this.#everPushed });
  }

  #changed(key: string): void {
    const [, name, hex] = REVISION.exec(key) ?? [];
    if (hex === undefined) return;
    this.#everPushed.add(`${name}@sha256:${hex}`);
    this.#mayBeGone.delete(key);
  }
}

/** Revision links of what tags name, and of what that lists. */
function reached(contents: Contents): Set<string> {
  const found = new Set<string>();
  const follow = (name: string, digest: Digest): void => {
    const key = revisionKey(name, digest);
    if (found.has(key) || !contents.has(key)) return;
    found.add(key);
    const text = contents.get(dataKey(digest))?.text ?? '';
    const listed = text.replace(/"subject":\{[^}]*\}/, '').match(/sha256:[0-9a-f]{64}/g) ?? [];
    for (const child of listed) follow(name, child as Digest);
  };
  for (const [key, { text }] of contents) {
    const [, name] = TAG.exec(key) ?? [];
    if (name !== undefined) follow(name, text as Digest);
  }
  return found;
}
