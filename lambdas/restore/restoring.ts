/** An undo under way: what it works with, and how it goes through the run's journal. */
import { apply } from '../index/apply.ts';
import type { IndexContext } from '../index/context.ts';
import type { Digest } from '../registry/digest.ts';
import type { RegistryKey } from '../registry/layout.ts';
import { type JournalLine, type LineOf, readJournal } from '../store/journal-reader.ts';
import { DeadlineError } from '../store/object-store.ts';
import { sideBySide } from '../store/side-by-side.ts';
import type { RestoreTally } from './report.ts';

export interface Restoring extends IndexContext {
  /** The run that is undone. */
  readonly runId: string;
  /** Where its journal is. */
  readonly journalPrefix: string;
  readonly tally: RestoreTally;
  readonly concurrency: number;
  /** Whether to begin something more; takes the lock's lease forward. */
  readonly goesOn: () => Promise<boolean>;
  readonly progress: () => void;
}

/** Every item may fail by itself; so many, and it is not the items. */
const MAX_FAILURES = 1000;

/**
 * Goes through the journal's lines of some actions. Lines of one thing come one after the other, in the order in which they
 * were written; what fails is told of, and the others go on.
 *
 * @param idOf what a line is about.
 */
export async function eachLine<A extends JournalLine['action']>(
  restoring: Restoring,
  actions: readonly A[],
  idOf: (line: LineOf<A>) => string,
  work: (line: LineOf<A>) => Promise<void>,
): Promise<void> {
  const { bucket, tally } = restoring;
  if (tally.unfinished !== undefined) return;
  const wanted: ReadonlySet<string> = new Set(actions);
  const isWanted = (line: JournalLine): line is LineOf<A> => wanted.has(line.action);
  for await (const { lines } of readJournal(bucket.objects, restoring.journalPrefix)) {
    const groups = [...Map.groupBy(lines.filter(isWanted), idOf)];
    await sideBySide(
      groups,
      async ([id, group]) => {
        for (const line of group) {
          if (!(await mayGoOn(restoring))) return;
          await work(line).catch((error: unknown) => fail(restoring, id, error));
          restoring.progress();
        }
      },
      restoring.concurrency,
    );
    if (tally.unfinished !== undefined) return;
  }
}

async function mayGoOn({ tally, goesOn }: Restoring): Promise<boolean> {
  if (tally.failures >= MAX_FAILURES) tally.unfinished ??= `${tally.failures} items could not be restored`;
  else if (!(await goesOn())) tally.unfinished ??= 'out of time, or interrupted';
  return tally.unfinished === undefined;
}

function fail({ tally }: Restoring, what: string, error: unknown): void {
  // Nothing more is possible then, for no item.
  if (error instanceof DeadlineError) throw error;
  tally.failures++;
  tally.skip({ code: 'failed', what, reason: error instanceof Error ? error.message : String(error) });
}

/**
 * Brings the table in line with the bucket for one key, as the indexer would.
 *
 * @returns data that is needed and is gone.
 * @throws when it would have to be tried again: a client changes the same thing at this moment.
 */
export async function bringInLine(restoring: Restoring, key: RegistryKey): Promise<readonly Digest[]> {
  const outcome = await apply(restoring, key);
  restoring.tally.changed = true;
  if (outcome.status === 'retry') throw new Error(`${outcome.reason}; run the command again`);
  return outcome.status === 'lost' ? outcome.digests : [];
}
