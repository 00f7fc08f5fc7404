/** What is pushed: small images that share layers, indexes of two platforms, bills of materials. */
import type { Random } from '../../../bench/random.ts';
import { type Artifact, image, index, layer, referrer, utf8 } from '../support/images.ts';

const LAYER_BYTES = 200;
const BASES = 8;
/** Platforms of which an index takes two, some of them in several indexes. */
const CHILDREN = 6;

export class Contents {
  readonly #name: string;
  readonly #random: Random;
  readonly #bases: readonly Uint8Array[];
  readonly #children: Artifact[] = [];
  #serial = 0;

  /** @param name makes the contents different from those of others. */
  constructor(name: string, random: Random) {
    this.#name = name;
    this.#random = random;
    this.#bases = Array.from({ length: BASES }, (_, at) => layer(`base ${at}`, LAYER_BYTES));
  }

  /** An image that nobody has pushed before, on a base that others share or with a layer of its own. */
  image(labels: Record<string, string> = {}): Artifact {
    const serial = `${this.#name} ${++this.#serial}`;
    const own = layer(serial, LAYER_BYTES);
    const base = this.#bases[this.#random.between(0, BASES - 1)] ?? own;
    const layers = this.#random.chance(0.5) ? [base] : this.#random.chance(0.3) ? [base, own] : [own];
    return image({ layers, labels: { serial, ...labels } });
  }

  /** An index of two images, one of which may be in other indexes too. */
  index(): Artifact {
    if (this.#children.length >= CHILDREN) this.#children.shift();
    this.#children.push(this.image());
    const first = this.#children[this.#random.between(0, this.#children.length - 1)];
    const second = this.image();
    const children = first === undefined ? [second] : [first, second];
    return index(children, { serial: `${this.#name} ${this.#serial}` });
  }

  referrer(subject: Artifact): Artifact {
    return referrer(subject, utf8(`bill of materials ${this.#name} ${++this.#serial}`));
  }
}
