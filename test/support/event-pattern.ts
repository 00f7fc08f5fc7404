/** EventBridge's matching, as far as the rules here use it; what is not known throws. */

/** Numbers beyond these EventBridge does not compare: a rule on them never matches. */
const MAX_NUMBER = 5_000_000_000;

type Json = unknown;

const isObject = (value: Json): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether an event matches a pattern. Fields are all needed, the values of a field are alternatives. */
export function matches(
  pattern: Readonly<Record<string, Json>>,
  event: Readonly<Record<string, Json>>,
): boolean {
  return Object.entries(pattern).every(([name, wanted]) => {
    if (name === '$or') {
      if (!Array.isArray(wanted) || wanted.length < 2) throw new Error('$or takes two alternatives or more');
      return wanted.some((one) => matches(one, event));
    }
    const value = event[name];
    if (isObject(wanted)) return isObject(value) && matches(wanted, value);
    if (!Array.isArray(wanted) || wanted.length === 0) throw new Error(`${name}: a list is needed`);
    // A list in the event matches when one of its members does.
    const values = Array.isArray(value) ? value : [value];
    return wanted.some((matcher) => values.some((one) => matchesOne(matcher, one)));
  });
}

function matchesOne(matcher: Json, value: Json): boolean {
  if (!isObject(matcher)) return matcher === value;
  const [[operator, argument] = ['', undefined], ...more] = Object.entries(matcher);
  if (more.length > 0) throw new Error('a matcher has one operator');
  if (operator === 'prefix') return typeof value === 'string' && value.startsWith(String(argument));
  if (operator === 'numeric') return Array.isArray(argument) && isNumber(argument, value);
  throw new Error(`the operator ${operator} is not known`);
}

function isNumber(comparisons: readonly Json[], value: Json): boolean {
  if (typeof value !== 'number' || Math.abs(value) > MAX_NUMBER) return false;
  if (comparisons.length !== 2 && comparisons.length !== 4)
    throw new Error('numeric takes one or two comparisons');
  for (let at = 0; at < comparisons.length; at += 2) {
    const [operator, limit] = [comparisons[at], Number(comparisons[at + 1])];
    if (Math.abs(limit) > MAX_NUMBER) throw new Error(`${limit} is beyond what EventBridge compares`);
    const holds = {
      '>=': value >= limit,
      '>': value > limit,
      '<': value < limit,
      '<=': value <= limit,
      '=': value === limit,
    };
    if (!Object.hasOwn(holds, String(operator))) throw new Error(`the comparison ${operator} is not known`);
    if (!holds[operator as keyof typeof holds]) return false;
  }
  return true;
}
