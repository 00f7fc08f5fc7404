/** What code outside a test would notice: prototypes that everything shares. */
import assert from 'node:assert/strict';

const SHARED = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
const keysOf = (): string => JSON.stringify(SHARED.map((one) => Reflect.ownKeys(one).map(String)));
const BEFORE = keysOf();

/** Nothing was put on a prototype by what ran before. */
export function expectCleanPrototypes(): void {
  assert.equal(keysOf(), BEFORE);
}
