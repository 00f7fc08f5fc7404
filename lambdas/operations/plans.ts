/** Plans in the registry's bucket, below a prefix of their own: where functions write them and look for them. */
import { InvalidPlanError, MAX_PLAN_BYTES, type Plan, readPlan } from '../plan/document.ts';
import { identityOf } from '../plan/make-plan.ts';
import type { PruneDependencies } from '../prune/settings.ts';
import { refuseToDelete } from '../store/lock.ts';
import { ObjectTooLargeError } from '../store/object-store.ts';

/** Where plans are. @param prefix in the registry's bucket, ending in a slash. */
export type Shelf = Pick<PruneDependencies, 'bucketName' | 'layout' | 'objects' | 'table' | 'now'> & {
  readonly planPrefix: string;
};

/**
 * Keeps a plan where it can be applied from.
 *
 * @param text of the plan.
 * @param location `s3://…` below the prefix. @default the plan's id there
 * @returns its location.
 * @throws InvalidPlanError when the location is elsewhere, or another plan is there.
 */
export async function storePlan(shelf: Shelf, plan: Plan, text: string, location?: string): Promise<string> {
  const key = location === undefined ? `${shelf.planPrefix}${plan.id}.json` : keyOf(shelf, location);
  const unique = location === undefined;
  if (!(await shelf.objects(refuseToDelete).put(key, text, { ifAbsent: true, unique })) && !unique)
    throw new InvalidPlanError(`there is something at ${location} already; plans are never written over`);
  return `s3://${shelf.bucketName}/${key}`;
}

/** @throws InvalidPlanError when there is none, or it is no plan of this registry. */
export async function fetchPlan(shelf: Shelf, location: string): Promise<Plan> {
  const key = keyOf(shelf, location);
  try {
    const object = await shelf.objects(refuseToDelete).get(key, MAX_PLAN_BYTES);
    if (object === undefined) throw new InvalidPlanError(`there is no plan at ${location}`);
    return readPlan(new TextDecoder().decode(object.body), await identityOf(shelf), shelf.now());
  } catch (error) {
    if (!(error instanceof ObjectTooLargeError)) throw error;
    throw new InvalidPlanError(`the plan at ${location} is too large: ${error.message}`);
  }
}

/** The functions' roles allow no other place. */
function keyOf({ bucketName, planPrefix }: Shelf, location: string): string {
  const place = `s3://${bucketName}/${planPrefix}`;
  if (location.startsWith(place) && location.length > place.length && !location.includes('..'))
    return location.slice(`s3://${bucketName}/`.length);
  throw new InvalidPlanError(
    `${JSON.stringify(location)} is no place for plans of this registry: allowed are ${place}<name>.json`,
  );
}
