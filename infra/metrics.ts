import type { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import {
  BUCKET_DIMENSION,
  METRIC_NAMESPACE,
  type METRICS,
  SERVICE,
  type Service,
} from '../lambdas/metric-names.ts';

/** A metric's name, of the function that publishes it. */
export type MetricName<S extends Service> = (typeof METRICS)[S][number];

export interface RegistryMetricOptions extends Pick<MetricOptions, 'label'> {
  readonly bucketName: string;
  readonly statistic: string;
  readonly period: Duration;
}

/** A metric that a function publishes of one registry. */
export function registryMetric<S extends Service>(
  service: S,
  name: MetricName<S>,
  { bucketName, ...options }: RegistryMetricOptions,
): Metric {
  return new Metric({
    namespace: METRIC_NAMESPACE,
    metricName: name,
    dimensionsMap: { service: SERVICE[service], [BUCKET_DIMENSION]: bucketName },
    ...options,
  });
}
