import { Token } from 'aws-cdk-lib';
import { type IEventBus, type IRuleTarget, Rule } from 'aws-cdk-lib/aws-events';
import type { Construct } from 'constructs';
import type { Mode, Trigger } from '../lambdas/prune/request.ts';

/** Which prunes: all that is given must be so. */
export interface PruneCondition {
  /** Reclaimed MiB, this or more. Not bytes, since EventBridge compares numbers only up to 5·10⁹. */
  readonly minimumReclaimedMiB?: number;
  /** Deleted manifests, this or more. */
  readonly minimumManifestsDeleted?: number;
  /** Deleted blobs, this or more. */
  readonly minimumBlobsDeleted?: number;
  /** One of these. */
  readonly status?: readonly ('completed' | 'partial' | 'refused')[];
  /** One of these codes is among the refusals (docs/events.md). */
  readonly refusals?: readonly string[];
  readonly trigger?: readonly Trigger[];
  readonly mode?: readonly Mode[];
  /** One of these buckets. */
  readonly bucketName?: readonly string[];
}

export interface OnPruneProps extends PruneCondition {
  /**
   * Beside what is given above, one of these.
   *
   * @default - nothing beside
   */
  readonly anyOf?: readonly PruneCondition[];
  /**
   * Where the stack sends its events.
   *
   * @default - the account's default bus
   */
  readonly eventBus?: IEventBus;
  /** What happens then. Give a target that can fail a dead-letter queue. */
  readonly targets: readonly IRuleTarget[];
  readonly description?: string;
}

/** EventBridge compares numbers between these only, and says nothing of others. */
const MAX_NUMBER = 5_000_000_000;
/** No figure of a prune is negative. */
const MIN_NUMBER = 0;

/**
 * A rule on prune events.
 *
 * @throws Error for a number that EventBridge would never match, and for a condition that says nothing.
 * @example
 * onPrune(this, 'Tell', {
 *   anyOf: [{ minimumReclaimedMiB: 100 * 1024 }, { status: ['refused'] }],
 *   targets: [new SnsTopic(topic)],
 * });
 */
export function onPrune(scope: Construct, id: string, props: OnPruneProps): Rule {
  const { anyOf, eventBus, targets, description, ...condition } = props;
  return new Rule(scope, id, {
    ...(eventBus === undefined ? {} : { eventBus }),
    ...(description === undefined ? {} : { description }),
    eventPattern: {
      source: ['registry-prune'],
      detailType: ['Registry Prune'],
      detail: prunePattern(condition, anyOf),
    },
    targets: [...targets],
  });
}

/** The `detail` of the rule's pattern. @throws as {@link onPrune} */
export function prunePattern(
  condition: PruneCondition,
  anyOf?: readonly PruneCondition[],
): Record<string, unknown> {
  const own = fields(condition);
  if (anyOf === undefined) return { action: ['prune'], ...own };
  if (anyOf.length === 0) throw new Error('anyOf is empty: allowed is one condition or more');
  const alternatives = anyOf.map(fields);
  const empty = alternatives.findIndex((one) => Object.keys(one).length === 0);
  if (empty >= 0)
    throw new Error(`anyOf: condition ${empty + 1} says nothing, so that every prune would match`);
  const twice = Object.keys(own).filter((name) => alternatives.some((one) => Object.hasOwn(one, name)));
  if (twice.length > 0) throw new Error(`${twice.join(', ')}: given both in anyOf and beside it`);
  // EventBridge takes a list of one for a mistake.
  if (alternatives.length === 1) return { action: ['prune'], ...own, ...alternatives[0] };
  return { action: ['prune'], ...own, $or: alternatives };
}

function fields(condition: PruneCondition): Record<string, unknown> {
  const { status, refusals, trigger, mode, bucketName } = condition;
  const lists = { status, refusals, trigger, mode, bucket: bucketName };
  const numbers = {
    reclaimedMiB: least('minimumReclaimedMiB', condition.minimumReclaimedMiB),
    manifestsDeleted: least('minimumManifestsDeleted', condition.minimumManifestsDeleted),
    blobsDeleted: least('minimumBlobsDeleted', condition.minimumBlobsDeleted),
  };
  for (const [name, list] of Object.entries(lists))
    if (list?.length === 0)
      throw new Error(`${name} is empty, so that no prune would match: allowed is one or more`);
  return Object.fromEntries(
    Object.entries({ ...numbers, ...lists }).filter(([, matcher]) => matcher !== undefined),
  );
}

function least(name: string, value: number | undefined): unknown {
  if (value === undefined) return undefined;
  if (!Token.isUnresolved(value) && !(value >= MIN_NUMBER && value <= MAX_NUMBER)) {
    throw new Error(
      `${name} is out of range: got ${value}, allowed are ${MIN_NUMBER} to ${MAX_NUMBER}, since EventBridge compares no others`,
    );
  }
  return [{ numeric: ['>=', value] }];
}
