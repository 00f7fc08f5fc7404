/** Plans, and what has become of them, as a person reads them. */
import type { PlanAnswer } from '../lambdas/operations/operate.ts';
import type { Plan } from '../lambdas/plan/document.ts';
import type { PlanCount, Report } from '../lambdas/prune/report.ts';
import { bytes, counted, list, table } from './output.ts';
import { type Paint, plain } from './terminal.ts';

/** Repositories in the table; the plan has them all. */
const MAX_ROWS = 20;

/** @param written where the plan is, as `apply` takes it. */
export function planSummary(answer: PlanAnswer, written: string | undefined, paint: Paint = plain): string {
  const { report, hash, totals, repositories = [], plan } = answer;
  const refusals = report.refusals.map(({ code, message, repository, digest }) => {
    const about = [repository, digest].filter((part) => part !== undefined).join('@');
    return paint('refusal', `${code}: ${about === '' ? '' : `${about}: `}${message}`);
  });
  if (hash === undefined || totals === undefined) {
    return `${list(refusals)}No plan was made: the run would be ${report.status}.\n`;
  }
  return [
    plan === undefined ? '' : list(whatGoes(plan), 'the plan has them all'),
    repositoriesTable(repositories),
    list(refusals),
    `${counted(totals.manifests, 'manifest')}, ${counted(totals.tags, 'tag')}, ` +
      `${counted(totals.links, 'layer link')} and ${counted(totals.blobs, 'blob')} would go`,
    totals.uploads === 0 ? '' : `, and ${counted(totals.uploads, 'upload')} (${bytes(totals.uploadBytes)})`,
    '\n',
    paint('total', `Reclaimable space: ${bytes(totals.bytes)} (${totals.bytes} bytes)\n`),
    report.status === 'partial'
      ? 'It ended before it had looked at everything: there is more garbage than the plan names.\n'
      : '',
    `Plan ${hash}\n`,
    written === undefined
      ? 'It was not written: -o plan.json does.\n'
      : `Written to ${written}; \`registry-prune apply ${written}\` deletes that and nothing else.\n`,
  ].join('');
}

function whatGoes({ manifests }: Plan): string[] {
  return manifests.map(({ repository, digest, reason, size, tags, taggedAs }) => {
    const names = tags.length > 0 ? tags.map(({ tag }) => tag) : taggedAs;
    const known =
      names.length === 0 ? '' : `, ${tags.length > 0 ? 'tagged' : 'once tagged'} ${names.join(' ')}`;
    return `${repository}@${digest} (${bytes(size)}${known}): ${reason}`;
  });
}

function repositoriesTable(repositories: NonNullable<PlanAnswer['repositories']>): string {
  if (repositories.length === 0) return '';
  const rows = repositories
    .slice(0, MAX_ROWS)
    .map((row) => [
      row.repository,
      `${row.manifests}`,
      `${row.tags}`,
      `${row.links}`,
      `${row.blobs}`,
      bytes(row.bytes),
      bytes(row.sharedBytes),
    ]);
  const more = repositories.length - rows.length;
  return (
    table(['repository', 'manifests', 'tags', 'links', 'blobs', 'bytes', 'shared'], rows) +
    (more > 0 ? `… and ${more} more repositories; the plan has them all\n` : '')
  );
}

/** What has become of the plan that a run applied. @param source as it was given to `apply`. */
export function progressText({ plan, dryRun }: Report, source: string): string {
  if (plan === undefined) return '';
  const { manifests, links, blobs, uploads, nextAt, dropped } = plan;
  const row = (name: string, { planned, gone, pending, dropped: left }: PlanCount) => [
    name,
    ...[planned, gone, pending, left].map(String),
  ];
  const rows = [
    row('manifests', manifests),
    row('layer links', links),
    row('blobs', blobs),
    ...(uploads.planned === 0 ? [] : [row('uploads', uploads)]),
  ];
  const isDone = nextAt === null;
  return [
    table(['of the plan', 'planned', dryRun ? 'would be gone' : 'gone', 'pending', 'dropped'], rows),
    list(
      dropped.map(({ kind, what, code, reason }) => `dropped: ${kind} ${what}: ${code}: ${reason}`),
      '`--json` has the first 10,000',
    ),
    isDone
      ? 'Nothing of the plan is left to go.\n'
      : `The rest has to rest first: \`registry-prune apply ${source}\` goes on, from ${nextAt} on.\n`,
  ].join('');
}
