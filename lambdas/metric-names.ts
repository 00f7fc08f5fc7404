/** The names under which the functions publish metrics, and the stack looks at them. */

export const METRIC_NAMESPACE = 'RegistryPrune';

/** The values of Powertools' dimension `service`, one for each function that has metrics. */
export const SERVICE = {
  prune: 'registry-prune',
  index: 'registry-prune-index',
  heartbeat: 'registry-prune-heartbeat',
  notifications: 'registry-prune-notifications',
} as const;

export type Service = keyof typeof SERVICE;

/** Every metric of each function. `IndexLag` and `TimeSinceSuccess` are seconds, `RunDuration` milliseconds. */
export const METRICS = {
  prune: [
    ...['RunsSucceeded', 'RunsRefused', 'RunErrors', 'RunDuration', 'Refusals'],
    ...[
      'ManifestsExamined',
      'ManifestsDeleted',
      'BlobsDeleted',
      'BlobsCondemned',
      'BytesReclaimed',
      'BytesCondemned',
    ],
  ],
  index: [
    ...['KeysApplied', 'KeysIgnored', 'KeysPostponed', 'MessagesFailed'],
    ...['BlobsRestored', 'BlobsLost', 'HeartbeatsSeen'],
  ],
  heartbeat: ['IndexLag', 'TimeSinceSuccess'],
  notifications: [
    ...['NotificationsRefused', 'NotificationsFailed', 'PullsRecorded', 'PullsUnchanged', 'PullsUnknown'],
    ...['EventsIgnored', 'EventsMalformed'],
  ],
} as const;

/** Two registries in one account do not share metrics. */
export const BUCKET_DIMENSION = 'Bucket';

/**
 * How a function's metrics are made.
 *
 * @param bucket of the registry; where it is not known, the metrics are of all of the account.
 */
export function metricsOf(service: Service, bucket: string | undefined) {
  return {
    namespace: METRIC_NAMESPACE,
    serviceName: SERVICE[service],
    ...(bucket === undefined ? {} : { defaultDimensions: { [BUCKET_DIMENSION]: bucket } }),
  };
}
