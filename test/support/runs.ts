/** How many runs the properties have, and which. */

/** Multiplies the number of runs of every property, for a long night. */
const FACTOR = Number(process.env['PROPERTY_RUNS'] ?? '1');
const SEED = Number(process.env['PROPERTY_SEED'] ?? '20260301');

/** Whether more than on every day is asked for. */
export const THOROUGH = FACTOR > 1;

/** The same runs every time, unless PROPERTY_SEED or PROPERTY_RUNS say otherwise. */
export const runs = (count: number) => ({ numRuns: Math.ceil(count * FACTOR), seed: SEED });

/** What so many runs find at the least, of `count` that all of them are to find. */
export const found = (count: number): number => Math.floor(count * FACTOR);

/** For the tests of a file that has properties (milliseconds): against standing still, not against slow machines. */
export const PATIENCE = 300_000 * Math.max(1, FACTOR);
