/**
 * `npm run demo`: a registry's bucket, a metadata table and a bus inside this process; garbage is found, foretold,
 * deleted, and what was claimed is proved from the bucket's own bytes. Ends with 1 when a proof fails.
 */
import { isDeepStrictEqual } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { ulid } from 'ulid';
import { bytes, reportText } from '../cli/output.ts';
import { BRAKE_FLOORS, STANDARD } from '../lambdas/configuration.ts';
import { reindex } from '../lambdas/index/reindex.ts';
import type { Counts, ReindexReport } from '../lambdas/index/reindex-report.ts';
import { type PruneDependencies, prune } from '../lambdas/prune/engine.ts';
import type { PruneEventDetail } from '../lambdas/prune/event.ts';
import type { Report } from '../lambdas/prune/report.ts';
import { parsePruneRequest } from '../lambdas/prune/request.ts';
import { RegistryLayout } from '../lambdas/registry/layout.ts';
import { DynamoDbTable } from '../lambdas/store/dynamodb-table.ts';
import { Metadata } from '../lambdas/store/metadata.ts';
import { RegistryBucket } from '../lambdas/store/registry-bucket.ts';
import { S3Bucket } from '../lambdas/store/s3-bucket.ts';
import { ensureTable } from '../lambdas/store/table-definition.ts';
import { signatureTag } from './demo-images.ts';
import { differences, goneBetween, needless, notWhole, Proofs, sum, walkTags } from './demo-proof.ts';
import { DemoRegistry } from './demo-registry.ts';
import { DAMAGED_REPOSITORY, fillRegistry } from './demo-scenario.ts';
import { readView, rowsOf, rowsText, short, type View } from './demo-view.ts';
import { startEmbeddedDynamoDb } from './embedded-dynamodb.ts';
import { startEmbeddedS3 } from './embedded-s3.ts';
import { PrintingBus } from './printing-bus.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const BUCKET = 'registry';
const TABLE = 'registry-prune';
/** Entries of the report's `imagesDeleted` that are printed. */
const SHOWN = 6;

const began = performance.now();
const print = (text: string): void => {
  process.stdout.write(text);
};
const heading = (text: string): void => print(`\n${text}\n${'─'.repeat(text.length)}\n`);

/** The registry rests for eight days between its last push and the prune; nobody has to wait for them. */
const now = (): number => Date.now() + 8 * DAY;

const [dynamoDb, s3] = await Promise.all([startEmbeddedDynamoDb(), startEmbeddedS3()]);
const credentials = { accessKeyId: 'demo', secretAccessKey: 'demo' };
const local = { region: 'us-east-1', credentials };
const dynamoDbClient = new DynamoDBClient({ ...local, endpoint: dynamoDb.endpoint });
const s3Client = new S3Client({ ...local, endpoint: s3.endpoint, forcePathStyle: true });
const bus = new PrintingBus(print);
const proofs = new Proofs(print);

try {
  await demo();
} finally {
  s3Client.destroy();
  dynamoDbClient.destroy();
  await Promise.all([dynamoDb.stop(), s3.stop()]);
}
const seconds = ((performance.now() - began) / 1000).toFixed(1);
if (proofs.failed.length > 0) {
  process.stderr.write(`\nThe demo failed: ${proofs.failed.join('; ')}\n`);
  process.exitCode = 1;
} else {
  print(`\nAll of it in ${seconds} s, in one process.\n`);
}

async function demo(): Promise<void> {
  s3.createBucket(BUCKET);
  const registry = new DemoRegistry(s3Client, BUCKET);
  const { withdrawn } = await fillRegistry(registry);
  const pushed = await view();
  heading('1. A registry on S3, as its clients have left it');
  print(
    rowsText(
      ['repository', 'tag', 'digest', 'kind', 'size'],
      rowsOf(pushed).map((row) => row.cells),
    ),
  );
  print(`${pushed.objects.size} objects, ${bytes(sizeOf(pushed))}; shared layers are stored once.\n`);

  heading('2. The metadata table, built from the bucket');
  await ensureTable(dynamoDbClient, TABLE);
  print(indexText(await reindex(index()), ['found', 'added']));

  heading(`3. A client deletes ${withdrawn.repository}:1.0 through the registry; its signature stays`);
  await registry.deleteManifest(withdrawn.repository, withdrawn.artifact.digest);
  print(indexText(await reindex(index()), ['found', 'removed']));
  const before = await view();
  const tableBefore = await items();

  heading('4. Dry run: docker image prune for the whole registry, offline');
  const dryRun = await run({ mode: 'offline', dryRun: true });
  print(foretold(dryRun));
  const [bucketChanges, tableAfter] = [differences(before, await view()), await items()];
  const tableChanges = isDeepStrictEqual(tableBefore, tableAfter) ? [] : ['the table has changed'];
  proofs.check('it changed nothing in the bucket and nothing in the table', [
    ...bucketChanges,
    ...tableChanges,
    ...bus.events.map(() => 'an event was published'),
  ]);

  heading('5. The run, and its event');
  const report = await run({ mode: 'offline' });
  print(reportText({ ...report, imagesDeleted: report.imagesDeleted.slice(0, SHOWN) }));
  print(
    `${SHOWN} of its ${report.imagesDeleted.length} tags and digests are shown; the journal has them all.\n`,
  );

  heading('6. What is gone');
  const after = await view();
  const left = new Set(rowsOf(after).map(({ id }) => id));
  const rows = rowsOf(before).map(({ id, cells }) => [...cells, left.has(id) ? '' : 'gone']);
  print(rowsText(['repository', 'tag', 'digest', 'kind', 'size', ''], rows));
  print(`${after.objects.size} objects, ${bytes(sizeOf(after))}.\n`);

  heading('7. Proofs, from the bytes in the bucket');
  const orphan = `${withdrawn.repository}:${signatureTag(withdrawn.artifact)}`;
  prove({ before, after, dryRun, report, mayGo: new Set([orphan]) });

  heading('8. A second run');
  const second = await run({ mode: 'offline' });
  proofs.check('finds nothing to delete', [
    ...differences(after, await view()),
    ...(second.status === 'completed' ? [] : [`it is ${second.status}`]),
    ...second.imagesDeleted.map((image) => JSON.stringify(image)),
  ]);
}

function prove(about: {
  readonly before: View;
  readonly after: View;
  readonly dryRun: Report;
  readonly report: Report;
  readonly mayGo: ReadonlySet<string>;
}): void {
  const { before, after, dryRun, report, mayGo } = about;
  const gone = goneBetween(before, after);
  const data = sum(gone, (key) => key.endsWith('/data') && key.includes('/blobs/'));
  const uploads = sum(gone, (key) => key.includes('/_uploads/'));
  const detail = bus.events[0]?.detail as PruneEventDetail | undefined;
  const event = detail?.reclaimedBytes ?? Number.NaN;
  proofs.equal(
    `${data} bytes of blobs left the bucket: as the dry run foretold, the run reported, the event says`,
    {
      ...{ 'left the bucket': data, 'dry run': dryRun.spaceReclaimed, run: report.spaceReclaimed, event },
    },
  );
  proofs.equal(`${uploads} bytes of an unfinished upload left it as well, as both reported`, {
    ...{ 'left the bucket': uploads, 'dry run': dryRun.uploads.bytes, run: report.uploads.bytes },
  });
  const [tagsBefore, tags] = [walkTags(before), walkTags(after)];
  const walked = new Set([...tags.values()].flatMap(({ keys }) => [...keys]));
  proofs.check(
    `all ${tags.size} tags lead to what they led to before: ${walked.size} objects present, every digest recomputed`,
    notWhole(tagsBefore, tags, mayGo),
  );
  proofs.check(
    `nothing is left that no tag needs, except in ${DAMAGED_REPOSITORY}, where one manifest cannot be read`,
    needless(after, tags, DAMAGED_REPOSITORY),
  );
}

/** What a rebuild found, and what it made of it. */
function indexText(report: ReindexReport, lines: readonly ('found' | 'added' | 'removed')[]): string {
  const kinds = Object.keys(report.found) as (keyof Counts)[];
  const rows = lines.map((line) => [line, ...kinds.map((kind) => `${report[line][kind]}`)]);
  const kept = report.unreadable.map(
    ({ repository, what, detail }) => `kept: ${repository} ${short(what)}: ${detail}\n`,
  );
  return rowsText(['', ...kinds], rows) + kept.join('');
}

function foretold({ manifests, blobs, links, uploads, spaceReclaimed }: Report): string {
  const counts = `${manifests.deleted} manifests, ${blobs.deleted} blobs, ${links.deleted} layer links, ${uploads.deleted} upload`;
  return `${counts} would go; reclaimable: ${bytes(spaceReclaimed)}, and ${bytes(uploads.bytes)} of uploads\n`;
}

function index() {
  const bucket = new RegistryBucket(
    new S3Bucket({ client: s3Client, bucket: BUCKET }),
    new RegistryLayout(''),
  );
  return { metadata: new Metadata(table(), ulid), bucket, now, grace: DAY };
}

async function run(payload: object): Promise<Report> {
  const dependencies: PruneDependencies = {
    table: table(),
    objects: (guard) => new S3Bucket({ client: s3Client, bucket: BUCKET, guard }),
    bus,
    layout: new RegistryLayout(''),
    bucketName: BUCKET,
    settings: {
      ...{ grace: DAY, quarantine: DAY, maxIndexLag: 15 * MINUTE },
      ...{ journalPrefix: STANDARD.JOURNAL_PREFIX, heartbeatPrefix: STANDARD.HEARTBEAT_PREFIX },
      ...{ allowUnversioned: false, undoWindow: 14 * DAY },
      brake: { manifestShare: 0.5, byteShare: 0.5, ...BRAKE_FLOORS },
    },
    owner: 'demo',
    now,
    // An index in memory is never behind.
    sleep: async () => {},
    newId: () => ulid(now()),
  };
  return await prune(dependencies, parsePruneRequest(payload, new Date(now())), [now() + 15 * MINUTE]);
}

function table(): DynamoDbTable {
  return new DynamoDbTable({ client: dynamoDbClient, tableName: TABLE });
}

function view(): Promise<View> {
  return readView(s3Client, BUCKET);
}

async function items(): Promise<Map<string, object>> {
  const { items: found } = await table().scan({ segment: 0, segments: 1 });
  return new Map(found.map((item) => [`${item.pk} ${item.sk}`, item]));
}

function sizeOf({ objects }: View): number {
  return [...objects.values()].reduce((total, body) => total + body.byteLength, 0);
}
