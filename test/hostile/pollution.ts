/** What code outside a test would notice: prototypes that everything shares. */
import { expect } from 'vitest';

const SHARED = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
const keysOf = (): string => JSON.stringify(SHARED.map((one) => Reflect.ownKeys(one).map(String)));
const BEFORE = keysOf();

/** Nothing was put on a prototype by what ran before. */
export function expectCleanPrototypes(): void {
  if (keysOf() !== BEFORE) expect(keysOf()).toBe(BEFORE);
}
