import { compareUtf8 } from '../lambdas/store/order.ts';

/** Two sequences of keys in order as one, each key once. */
export function* merged(one: Iterable<string>, other: Iterable<string>): Generator<string> {
  const [left, right] = [one[Symbol.iterator](), other[Symbol.iterator]()];
  let [a, b] = [left.next(), right.next()];
  while (!a.done || !b.done) {
    const order = a.done ? 1 : b.done ? -1 : compareUtf8(a.value, b.value);
    yield order <= 0 ? a.value : b.value;
    if (order <= 0) a = left.next();
    if (order >= 0) b = right.next();
  }
}
