/**
 * JSON as it is written: every key of every object, in order, keys that are there twice included. Recursive and slow,
 * and nothing shared with the product, so that both cannot be wrong together.
 */
export type Tree =
  | string
  | number
  | boolean
  | null
  | Tree[]
  | { readonly pairs: readonly (readonly [string, Tree])[] };

const SPACE = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const OTHER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null/y;

/** @throws SyntaxError when it is no JSON. */
export function treeOf(text: string): Tree {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) throw new SyntaxError(`not JSON at ${at}`);
    at += found.length;
    return found;
  };
  const skip = (): string | undefined => {
    take(SPACE);
    return text[at];
  };
  const list = <T>(end: string, one: () => T): T[] => {
    const found: T[] = [];
    at += 1;
    if (skip() === end) {
      at += 1;
      return found;
    }
    for (;;) {
      found.push(one());
      const next = skip();
      at += 1;
      if (next === end) return found;
      if (next !== ',') throw new SyntaxError(`not JSON at ${at}`);
    }
  };
  const string = (): string => String(JSON.parse(take(STRING)));
  const value = (): Tree => {
    const next = skip();
    if (next === '"') return string();
    if (next === '[') return list(']', value);
    if (next !== '{') return JSON.parse(take(OTHER)) as Tree;
    return {
      pairs: list('}', () => {
        skip();
        const key = string();
        if (skip() !== ':') throw new SyntaxError(`not JSON at ${at}`);
        at += 1;
        return [key, value()] as const;
      }),
    };
  };
  const whole = value();
  if (skip() !== undefined) throw new SyntaxError(`not JSON at ${at}`);
  return whole;
}

export const pairsOf = (tree: Tree | undefined): readonly (readonly [string, Tree])[] | undefined =>
  typeof tree === 'object' && tree !== null && 'pairs' in tree ? tree.pairs : undefined;

/** All values of a key, as often as it is written. */
export const valuesAt = (tree: Tree | undefined, key: string): Tree[] =>
  (pairsOf(tree) ?? []).filter(([name]) => name === key).map(([, value]) => value);

/** Every object and every string, keys included. */
export function* walk(tree: Tree): Generator<Tree> {
  yield tree;
  if (Array.isArray(tree)) for (const one of tree) yield* walk(one);
  else
    for (const [key, value] of pairsOf(tree) ?? []) {
      yield key;
      yield* walk(value);
    }
}

/** Whether some object has a key twice. */
export function hasDuplicates(tree: Tree): boolean {
  for (const one of walk(tree)) {
    const keys = (pairsOf(one) ?? []).map(([key]) => key);
    if (new Set(keys).size < keys.length) return true;
  }
  return false;
}

/** Every digest that stands in any string. */
export function digestsOf(tree: Tree): Set<string> {
  const found = new Set<string>();
  for (const one of walk(tree)) {
    if (typeof one !== 'string') continue;
    for (const [digest] of one.matchAll(/sha256:[0-9a-f]{64}(?![0-9a-fA-F])/g)) found.add(digest);
    for (const [digest] of one.matchAll(/sha384:[0-9a-f]{96}(?![0-9a-fA-F])/g)) found.add(digest);
    for (const [digest] of one.matchAll(/sha512:[0-9a-f]{128}(?![0-9a-fA-F])/g)) found.add(digest);
  }
  return found;
}
