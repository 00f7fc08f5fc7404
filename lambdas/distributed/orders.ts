/** What passes through the state machine: keys and marks, never what a worker has found. */
import type { Report } from '../prune/report.ts';
import type { Course } from '../store/run-parts.ts';

/** As the lock and its refusals show who runs. @param execution its name. */
export const ownerOf = (execution: string): string => `execution ${execution}`;

/** What one worker is sent out for; it comes back with the same until its lane is worked off. */
export interface Order {
  readonly runId: string;
  readonly fence: number;
  readonly pass: number;
  readonly lane: number;
  readonly shards: readonly string[];
  /** Where the walk over all manifests goes on; null at its beginning. */
  readonly after: string | null;
  /** How many workers have ended on this lane in this pass, out of time. */
  readonly slices: number;
}

/** What the state machine does next. */
export type Orders =
  | {
      readonly step: 'work';
      readonly runId: string;
      readonly pass: number;
      readonly lanes: readonly Order[];
    }
  | {
      readonly step: 'wait';
      readonly runId: string;
      /** The pass that is over. */
      readonly pass: number;
      /** ISO time. */
      readonly until: string;
    }
  | { readonly step: 'finish'; readonly runId: string; readonly pass: number };

/** The lanes of the pass that the course is at. */
export function ordersOf({
  runId,
  fence,
  pass,
  lanes,
}: Pick<Course, 'runId' | 'fence' | 'pass' | 'lanes'>): Orders {
  const orders = lanes.map((shards, lane) => ({ runId, fence, pass, lane, shards, after: null, slices: 0 }));
  return { step: 'work', runId, pass, lanes: orders };
}

/** What the state machine hands to the last of its functions. */
export interface End {
  /** Its state, whatever that is by then. */
  readonly state: {
    readonly runId?: string;
    /** As `Catch` tells it. */
    readonly error?: { readonly Error?: string; readonly Cause?: string };
  };
  readonly execution: string;
}

/** How an execution ends; the report's lists may be larger than it takes. */
export interface Ended {
  /** Null where no run had begun, or where it was reported before. */
  readonly run: Pick<Report, 'runId' | 'status' | 'spaceReclaimed' | 'journal'> | null;
  /** Why the execution has failed; null where it has not. */
  readonly error: string | null;
  readonly cause: string | null;
}

/** What has failed, in a line. */
export const failureOf = ({ error }: End['state']): string | undefined =>
  error && `${error.Error ?? 'Error'}: ${messageIn(error.Cause)}`;

/** Of a function that threw, the cause is JSON. */
function messageIn(cause = 'unknown'): string {
  try {
    const { errorMessage } = Object(JSON.parse(cause));
    return typeof errorMessage === 'string' ? errorMessage : cause;
  } catch {
    return cause;
  }
}

/** What the execution's output says. */
export function endOf({ error }: End['state'], report: Report | undefined): Ended {
  const { runId = '', status = 'partial', spaceReclaimed = 0, journal } = report ?? {};
  const place = journal === undefined ? {} : { journal };
  return {
    run: report === undefined ? null : { runId, status, spaceReclaimed, ...place },
    error: error === undefined ? null : (error.Error ?? 'Error'),
    cause: error === undefined ? null : messageIn(error.Cause),
  };
}
