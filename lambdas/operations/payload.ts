/** What the function, and the command line, can be asked to do; checked before anything is touched. */
import { parseSubject, type Subject } from '../explain/subject.ts';
import {
  flag,
  InvalidRequestError,
  oneOf,
  type PruneRequest,
  parsePruneRequest,
  REQUEST_FIELDS,
  type RequestDefaults,
  shown,
  TRIGGERS,
  type Trigger,
} from '../prune/request.ts';

export type Operation =
  | { readonly action: 'prune' | 'plan'; readonly request: PruneRequest }
  | {
      readonly action: 'apply';
      /** A plan, or its location `s3://…`. */
      readonly plan: object | string;
      readonly dryRun: boolean;
      readonly trigger: Trigger;
    }
  | { readonly action: 'restore'; readonly runId: string; readonly dryRun: boolean }
  | { readonly action: 'runs'; readonly limit: number }
  | { readonly action: 'run'; readonly runId: string }
  | { readonly action: 'why'; readonly subject: Subject; readonly request: PruneRequest }
  | { readonly action: 'status' };

export type Action = Operation['action'];

/** Runs told of at once; an answer of the function is 6 MB at most. */
export const MAX_RUNS = 5_000;
const USUAL_RUNS = 20;

/** What a rehearsal can be asked. */
const REHEARSED = REQUEST_FIELDS.filter((name) => name !== 'dryRun');

/** Fields of each action beside `action`; their values are checked one by one. */
const FIELDS = {
  prune: REQUEST_FIELDS,
  plan: REHEARSED,
  why: ['subject', ...REHEARSED],
  apply: ['plan', 'dryRun', 'trigger'],
  restore: ['runId', 'dryRun'],
  runs: ['limit'],
  run: ['runId'],
  status: [],
} as const satisfies Record<Action, readonly string[]>;

const ACTIONS: readonly Action[] = ['prune', 'plan', 'apply', 'restore', 'runs', 'run', 'why', 'status'];

/**
 * Reads a payload. Without an `action` it is a prune's, as a schedule sends it.
 *
 * @throws InvalidRequestError, InvalidFilterError, InvalidSubjectError naming what was got and what is allowed.
 * @example parseOperation({ action: 'apply', plan: 's3://my-registry/registry-prune/plans/01K….json' }, new Date());
 */
export function parseOperation(payload: unknown, now: Date, defaults: RequestDefaults = {}): Operation {
  const { action = 'prune', ...rest } = isObject(payload) ? payload : { action: undefined };
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined) {
    throw new InvalidRequestError(
      `action is ${shown(action)}: allowed are ${ACTIONS.join(', ')}; absent it is prune`,
    );
  }
  const allowed: readonly string[] = FIELDS[known];
  const unknown = Object.keys(rest).find((name) => !allowed.includes(name));
  if (unknown !== undefined) {
    throw new InvalidRequestError(
      `unknown field ${shown(unknown)}: allowed are ${['action', ...allowed].join(', ')}`,
    );
  }
  switch (known) {
    case 'prune':
      return { action: known, request: parsePruneRequest(isObject(payload) ? rest : payload, now, defaults) };
    case 'plan':
      return { action: known, request: parsePruneRequest(rest, now, defaults) };
    case 'why': {
      const { subject, ...request } = rest;
      return {
        action: known,
        subject: parseSubject(text('subject', subject)),
        request: parsePruneRequest(request, now, defaults),
      };
    }
    default:
      return simple(known, rest, defaults);
  }
}

function simple(
  action: Exclude<Action, 'prune' | 'plan' | 'why'>,
  body: Readonly<Record<string, unknown>>,
  { trigger = 'manual' }: RequestDefaults,
): Operation {
  switch (action) {
    case 'apply': {
      const { plan } = body;
      if (typeof plan !== 'string' && !isObject(plan)) {
        throw new InvalidRequestError(
          `plan is ${given(plan)}: allowed are a plan, and its location s3://<bucket>/<key>`,
        );
      }
      const started = oneOf('trigger', body['trigger'], TRIGGERS, trigger);
      return { action, plan, dryRun: flag('dryRun', body['dryRun']), trigger: started };
    }
    case 'restore':
      return { action, runId: text('runId', body['runId']), dryRun: flag('dryRun', body['dryRun']) };
    case 'runs':
      return { action, limit: limit(body['limit']) };
    case 'run':
      return { action, runId: text('runId', body['runId']) };
    case 'status':
      return { action };
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const given = (value: unknown): string => (value === undefined ? 'missing' : shown(value));

function text(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new InvalidRequestError(`${name} is ${given(value)}: allowed is a text`);
}

function limit(value: unknown): number {
  if (value === undefined || value === null) return USUAL_RUNS;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_RUNS) return value;
  throw new InvalidRequestError(`limit is ${shown(value)}: allowed are 1 to ${MAX_RUNS}`);
}
