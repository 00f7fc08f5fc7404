/** The items of one part that no listing has shown: each is looked at in the bucket. */
import pMap from 'p-map';
import { relook } from '../index/relook.ts';
import { type Job, type Step, takeSteps, type Work } from './job.ts';
import { itemsOf, toEntry } from './scan.ts';
import { shownOf } from './shown.ts';

const CONCURRENCY = 16;

export const verify: Work = async (job) => await takeSteps(stepsOf(job), job.isOver);

async function* stepsOf(job: Job): AsyncGenerator<Step> {
  const { context, reporter } = job;
  const shown = await job.files.prints(shownOf(job.unit));
  const claimed = { has: () => false };
  const comparison = { context, reporter, claimed, shown: { add: () => {} } };
  const from = job.cursor as { readonly file: string; readonly until: number } | undefined;
  for await (const { file, until, lines } of job.files.pages(itemsOf(job.unit), from)) {
    const unseen = lines
      .map(toEntry)
      .filter(({ print }) => print === undefined || !shown.hasPrint(print))
      .map(({ item }) => item);
    const take = async () => {
      await pMap(unseen, (item) => relook(comparison, item), { concurrency: CONCURRENCY });
    };
    yield { cursor: { file, until }, take };
  }
}
