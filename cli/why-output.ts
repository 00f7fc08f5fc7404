/** Reasons as a person reads them. */
import type {
  BlobExplanation,
  Explanation,
  ManifestExplanation,
  PathStep,
  Verdict,
} from '../lambdas/explain/explanation.ts';
import { bytes } from './output.ts';

/** Manifests and repositories in a line; `--json` has more. */
const MAX_NAMED = 10;

const HOW: Readonly<Record<NonNullable<PathStep['by']>, string>> = {
  named: 'names',
  listed: 'lists',
  refers: 'is the subject of',
  signs: 'is signed by',
};

export function whyText({ tag, manifests, blob, refusals }: Explanation): string {
  const lines: string[] = [];
  if (tag !== undefined) {
    const name = `${tag.repository}:${tag.tag}`;
    lines.push(
      tag.digest === null
        ? `${name} is no tag that the table knows`
        : `${name} names ${tag.digest}, since ${tag.taggedAt}`,
    );
    if (tag.formerly.length > 0) lines.push('It was a tag of:', ...tag.formerly.flatMap(manifestLines));
  }
  lines.push(...manifests.flatMap(manifestLines));
  // Of what is a manifest somewhere, its bytes are told of last.
  if (blob !== undefined && (manifests.length === 0 || blob.state !== 'unknown'))
    lines.push(...blobLines(blob));
  for (const { code, message } of refusals) lines.push(`For any run now: ${code}: ${message}`);
  return lines.map((line) => `${line}\n`).join('');
}

function manifestLines(one: ManifestExplanation): string[] {
  const { repository, digest, state, size, pushedAt, taggedAs = [], goesWith = [], afterwards, path } = one;
  const facts = [
    state,
    ...(size === undefined ? [] : [bytes(size)]),
    ...(pushedAt === undefined ? [] : [`pushed ${pushedAt}`]),
    ...(taggedAs.length === 0 ? [] : [`once tagged ${named(taggedAs)}`]),
  ];
  return [
    `manifest ${repository}@${digest}: ${facts.join(', ')}`,
    verdictLine(one),
    ...(afterwards === undefined ? [] : [`  then: ${verdictText(afterwards)}`]),
    ...pathLines(path),
    ...(goesWith.length === 0 ? [] : [`  goes with: ${named(goesWith)}`]),
    ...deletionLines(one),
  ];
}

function blobLines(one: BlobExplanation): string[] {
  const { digest, state, size, references, referencedBy, links, linkedBy, path } = one;
  const linked = linkedBy.map(({ repository, stale }) => (stale ? `${repository} (stale)` : repository));
  return [
    `blob ${digest}: ${state}${size === undefined ? '' : `, ${bytes(size)}`}`,
    verdictLine(one),
    ...pathLines(path),
    ...(references === 0 ? [] : [`  needed by ${references}: ${named(referencedBy)}`]),
    ...(links === 0 ? [] : [`  linked by ${links}: ${named(linked)}`]),
    ...deletionLines(one),
  ];
}

const verdictLine = (verdict: Verdict): string => `  ${verdictText(verdict)}`;

function verdictText({ verdict, because, reason, dueAt }: Verdict): string {
  const why = because === undefined || because === 'garbage' ? '' : ` (${because})`;
  const when =
    dueAt === null ? '' : verdict === 'due' ? `; due since ${dueAt}` : `; looked at again from ${dueAt} on`;
  return `${verdict}${why}: ${reason}${when}`;
}

/** From the tag down: each line says what the one above has to do with it. */
function pathLines(path: readonly PathStep[] | undefined): string[] {
  const [root, ...steps] = path ?? [];
  if (root === undefined) return [];
  return [
    `  held by: ${root.what}`,
    ...steps.map(({ what, by }) => `           ${by === undefined ? '' : `${HOW[by]} `}${what}`),
  ];
}

function deletionLines({ deletion }: Pick<ManifestExplanation, 'deletion'>): string[] {
  if (deletion === undefined) return [];
  const { time, runId, journal } = deletion;
  return [
    `  when: ${time ?? 'not known'}`,
    ...(runId === undefined ? [] : [`  run: ${runId}; \`registry-prune restore ${runId}\` undoes it`]),
    ...(journal === undefined ? [] : [`  journal: ${journal}`]),
  ];
}

function named(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).join(' ');
  return names.length > MAX_NAMED ? `${shown} and ${names.length - MAX_NAMED} more` : shown;
}
