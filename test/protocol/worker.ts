/** One search in a thread of its own, over the code as it is or with one text replaced. */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { Job } from './jobs.ts';
import type { Mutant } from './mutants/mutant.ts';

const job = workerData as Job;
if (job.mutant !== undefined) plant(job.mutant);
const tasks = { work: './work.ts', compare: './work.ts', hazard: './random.ts' } as const;
const module = (await import(tasks[job.task ?? 'work'])) as Record<string, (job: Job) => Promise<unknown>>;
parentPort?.postMessage(await module[job.task ?? 'work']?.(job));

/** @throws where a text is not in its file once: a mutant that is no longer about anything. */
function plant({ name, changes }: Mutant): void {
  const files = Map.groupBy(changes, ({ file }) => new URL(`../../lambdas/${file}`, import.meta.url).href);
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      const mine = files.get(url);
      if (mine === undefined) return loaded;
      let source = String(loaded.source);
      for (const { file, from, to } of mine) {
        if (source.split(from).length !== 2) throw new Error(`${name}: its text is not in ${file} once`);
        source = source.replace(from, () => to);
      }
      return { ...loaded, source };
    },
  });
}
