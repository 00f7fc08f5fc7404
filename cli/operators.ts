/** Who does what a command asks for: this process, with the caller's own credentials, or the deployed function. */
import { type Configuration, readConfiguration } from '../lambdas/configuration.ts';
import { functionOperator, pruneDependencies } from '../lambdas/dependencies.ts';
import { type Answers, operate } from '../lambdas/operations/operate.ts';
import { type Action, parseOperation } from '../lambdas/operations/payload.ts';
import type { Shelf } from '../lambdas/operations/plans.ts';
import type { PruneDependencies } from '../lambdas/prune/settings.ts';
import type { RestoreTally } from '../lambdas/restore/report.ts';
import type { Command } from './cli.ts';
import { Deadlines, endOnSignal, thisProcess } from './process.ts';
import { complain, type Host } from './terminal.ts';

/** What a command is told while it waits. */
export interface Watching {
  readonly onPrune?: NonNullable<PruneDependencies['onProgress']>;
  readonly onRestore?: (tally: RestoreTally) => void;
}

export interface Operators {
  /** As questions name it. */
  readonly place: string;
  /** Of this process; absent where a function does it. */
  readonly configuration?: Configuration;
  /** Its registry and table, likewise. */
  readonly shelf?: Shelf;
  /**
   * Does it and answers, alike for both.
   *
   * @param fields of the payload, beside the action.
   */
  call<A extends Action>(action: A, fields: object, watching?: Watching): Promise<Answers[A]>;
}

export interface OperatorOptions {
  /** Name or ARN. */
  readonly function?: string;
}

/** Adds the option by which the deployed function does it. */
export function withFunction(command: Command): Command {
  return command.option(
    '--function <name>',
    'let this deployed function do it; needs lambda:InvokeFunction and no environment but AWS_…',
  );
}

/** Actions that start a run, which tells who has started it. */
const STARTED: readonly Action[] = ['prune', 'plan', 'apply'];

export function operatorsOf(host: Host, options: OperatorOptions): Operators {
  return options.function === undefined ? local(host) : remote(host, options.function);
}

function local(host: Host): Operators {
  const configuration = readConfiguration(host.env, new Date());
  const { bucketName, defaultFilters, planPrefix } = configuration;
  const prune = pruneDependencies(configuration, thisProcess());
  return {
    ...{ place: `bucket ${bucketName}`, configuration, shelf: { ...prune, planPrefix } },
    async call(action, fields, { onPrune, onRestore } = {}) {
      // Checked before anything is touched, a signal's handler included.
      const operation = parseOperation({ action, ...fields }, new Date(), {
        filters: defaultFilters,
        trigger: 'cli',
      });
      const ending = endOnSignal(host, 'Ending after the batch under way …');
      const deadlines = new Deadlines();
      const { signal } = ending;
      try {
        return await operate<typeof action>(
          {
            prune: { ...prune, signal, ...(onPrune ? { onProgress: onPrune } : {}) },
            ...(onRestore ? { onRestore } : {}),
            ...{ planPrefix, deadlines, deadline: Number.MAX_SAFE_INTEGER },
          },
          operation as typeof operation & { readonly action: typeof action },
        );
      } finally {
        deadlines.stop();
        ending.stop();
      }
    },
  };
}

function remote(host: Host, name: string): Operators {
  const invoked = functionOperator(name);
  return {
    place: `the registry of function ${name}`,
    async call(action, fields) {
      const trigger = STARTED.includes(action) ? { trigger: 'cli' } : {};
      const stop = sayThatItGoesOn(host, name);
      try {
        return (await invoked.invoke({ action, ...trigger, ...fields })) as Answers[typeof action];
      } finally {
        stop();
      }
    },
  };
}

/** A function cannot be interrupted: Ctrl-C ends the waiting alone. */
function sayThatItGoesOn(host: Host, name: string): () => void {
  const end = () => {
    complain(
      host,
      `function ${name} goes on; \`registry-prune watch --function ${name}\` shows how far it is`,
    );
    process.exit(130);
  };
  process.once('SIGINT', end);
  return () => process.off('SIGINT', end);
}
