#!/usr/bin/env node
/** `npm run bench:peer -- [images…]`: side by side with the registry's own collector. */
import Table from 'cli-table3';
import { compare, type PeerResult, type Taken } from './peer.ts';

const USAGE = 'npm run bench:peer -- [--json] [images…]   (default: 50 200 1000)';
const STANDARD = [50, 200, 1000];

const asked = process.argv.slice(2);
const json = asked.includes('--json');
const sizes = asked.filter((one) => one !== '--json').map(Number);
if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
  process.stderr.write(`${asked.join(' ')}: allowed are numbers of images from 1\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  const results: PeerResult[] = [];
  for (const images of sizes.length === 0 ? STANDARD : sizes) {
    const options = { images, garbage: 0.5, seed: 1 };
    results.push(await compare(options, (what) => process.stderr.write(`${what} …\n`)));
  }
  process.stdout.write(json ? `${JSON.stringify(results)}\n` : results.map(text).join('\n'));
}

function text({ registry, peer, ours }: PeerResult): string {
  const { manifests, blobs, garbageManifests, garbageBlobs } = registry;
  const names = ['garbage-collect', 'reindex, once', 'dry run', 'prune', 'prune again'];
  const all: Taken[] = [peer, ours.reindex, ours.dryRun, ours.prune, ours.quiet];
  const operations = [...new Set(all.flatMap((taken) => Object.keys(taken.s3)))].sort();
  const table = new Table({
    head: ['', ...names],
    colAligns: ['left', ...names.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  const row = (name: string, of: (taken: Taken) => string): void => {
    table.push([name, ...all.map(of)]);
  };
  row('wall s', ({ seconds }) => seconds.toFixed(1));
  row('S3 requests', (taken) => String(total(taken)));
  for (const operation of operations) row(`  ${operation}`, ({ s3 }) => String(s3[operation] ?? 0));
  row('DynamoDB requests', ({ dynamodb }) => String(dynamodb));
  const ratio = (a: number, b: number): string => (b === 0 ? '–' : (a / b).toFixed(1));
  return [
    `${manifests} manifests, ${blobs} blobs; garbage: ${garbageManifests} manifests, ${garbageBlobs} blobs\n`,
    `${table.toString()}\n`,
    `garbage-collect took ${ratio(peer.seconds, ours.prune.seconds)} times as long as prune, and `,
    `${ratio(total(peer), total(ours.prune))} times as many S3 requests.\n`,
    `Of what live images need, garbage-collect has lost ${peer.left.missing} objects, prune ${ours.left.missing}; `,
    `of the garbage, it has left ${peer.left.surplus} objects, prune ${ours.left.surplus}.\n`,
  ].join('');
}

function total({ s3 }: Taken): number {
  return Object.values(s3).reduce((sum, count) => sum + count, 0);
}
