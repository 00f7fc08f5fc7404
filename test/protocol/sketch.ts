/** One world told once, for several choices of when events come. */
import { names } from './contents.ts';
import type { WorldDefinition } from './simulation.ts';

/** Which of the clients' events come while others are at work, by the keys that they tell of; the others come at rest. */
const EVENTS = {
  none: undefined,
  'of links': /_layers/,
  'of manifests': /revisions/,
  'of tags': /current/,
  'of manifests and tags': /revisions|current/,
  'of data': /data$/,
} as const;

type When = keyof typeof EVENTS;
export type Sketch = Omit<WorldDefinition, 'names'>;

/** A world once for each choice of events. */
export function world(sketch: Sketch, ...when: readonly When[]): WorldDefinition[] {
  return (when.length === 0 ? (['none'] as const) : when).map((one) => {
    const events = EVENTS[one];
    const more = events === undefined ? {} : { name: `${sketch.name}, events ${one}`, events };
    return { ...sketch, names, ...more };
  });
}
