/** What a distributed run can be asked for. */
import {
  InvalidRequestError,
  type PruneRequest,
  parsePruneRequest,
  type RequestDefaults,
  shown,
} from '../prune/request.ts';
import type { Course } from '../store/run-parts.ts';

/**
 * Reads the input of an execution: a prune's request, as the function takes it. Whatever is no prune is left to the
 * function, which does it in one go.
 *
 * @throws InvalidRequestError, InvalidFilterError naming what was got and what is allowed.
 */
export function parseDistributedRequest(
  payload: unknown,
  now: Date,
  defaults: RequestDefaults = {},
): PruneRequest {
  const { action = 'prune', ...rest } = Object(payload ?? {}) as Readonly<Record<string, unknown>>;
  if (action !== 'prune') {
    throw new InvalidRequestError(
      `action is ${shown(action)}: a distributed run only prunes; invoke the prune function for anything else`,
    );
  }
  const isObject = typeof payload === 'object' && payload !== null && !Array.isArray(payload);
  const request = parsePruneRequest(isObject ? rest : payload, now, defaults);
  if (request.dryRun) {
    throw new InvalidRequestError(
      'dryRun is true: a distributed run only prunes; invoke the prune function for a dry run',
    );
  }
  return request;
}

/** What the run was asked for, as its start has read it. */
export const requestOf = ({ request, requestedAt, defaultFilters }: Course): PruneRequest =>
  parseDistributedRequest(JSON.parse(request), new Date(requestedAt), { filters: defaultFilters });
