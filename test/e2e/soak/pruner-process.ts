/** Online prunes, one after the other. */
import { setTimeout as delay } from 'node:timers/promises';
import { readConfiguration } from '../../../lambdas/configuration.ts';
import { pruneDependencies } from '../../../lambdas/dependencies.ts';
import { prune } from '../../../lambdas/prune/engine.ts';
import type { Report } from '../../../lambdas/prune/report.ts';
import { parsePruneRequest } from '../../../lambdas/prune/request.ts';
import { endOfParent, tell } from './parent.ts';

export type PrunerMessage = { readonly report: Report } | { readonly error: string };

/** Of one run; none comes near it. */
const DEADLINE_MS = 15 * 60_000;
const PAUSE_MS = 250;

const ended = endOfParent();
const dependencies = pruneDependencies(readConfiguration(process.env, new Date()), 'soak');
while (!ended.aborted) {
  try {
    const request = parsePruneRequest({}, new Date());
    tell<PrunerMessage>({ report: await prune(dependencies, request, [Date.now() + DEADLINE_MS]) });
  } catch (error) {
    tell<PrunerMessage>({ error: String(error) });
  }
  await delay(PAUSE_MS, undefined, { signal: ended }).catch(() => undefined);
}
