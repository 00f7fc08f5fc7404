/**
 * What each function's role may do, all in one place. A test prints it (`test/infra/roles.test.ts`), another replays the
 * calls of all functions against it (`test/e2e/deployed.test.ts`).
 */
import { Aws } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IEventBus } from 'aws-cdk-lib/aws-events';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { TABLE_DEFINITION } from '../lambdas/store/table-definition.ts';
import { allow, type Permission } from './permission.ts';
import type { CheckedSettings } from './settings.ts';

/** What the roles are about. */
export interface Resources {
  readonly bucket: Pick<IBucket, 'bucketName' | 'bucketArn' | 'arnForObjects'>;
  readonly table: Pick<ITable, 'tableName' | 'tableArn'>;
  readonly bus: Pick<IEventBus, 'eventBusArn'>;
  readonly settings: CheckedSettings;
  /** ARN of the key with which the bucket is encrypted, if it is one of KMS. */
  readonly keyArn: string | undefined;
}

const REGISTRY =
  'The registry has an object for each blob and link; the prefix is that of all of them and of nothing else.';
const LINKS =
  'Repositories and digests are not known before; links hold a digest alone, and are all that is ever written there.';
const UPLOADS = 'What uploads leave was never anyone’s image. Of everything else a run removes no version.';
const HEARTBEATS = 'Each heartbeat is an object of its own, with a name of its own.';

const JOURNALS = 'Undo and explanations read what other runs, each with a name of its own, have written.';
const PLANS = 'A plan that is to be applied is one of those that were made, each with a name of its own.';
const UNITS =
  'The units of a rebuild leave files for one another, each with a name of its own, until it is done.';
const INVENTORIES = 'An inventory consists of files whose names S3 chooses.';
/** Only requests with `If-None-Match`, which S3 carries out where there is nothing yet. */
const ONCE = { conditions: { Null: { 's3:if-none-match': 'false' } } } as const;

export interface IndexResources extends Resources {
  readonly queue: Pick<IQueue, 'queueArn'>;
  readonly restorer: Pick<IFunction, 'functionArn'>;
}

export function indexPermissions(on: IndexResources): Permission[] {
  const { bucket, settings } = on;
  const { layout, heartbeatPrefix } = settings;
  return [
    ...readTheRegistry(on),
    allow(['s3:GetObject'], [bucket.arnForObjects(`${heartbeatPrefix}*`)], { because: HEARTBEATS }),
    writeLinks(on),
    listVersions(on, layout.prefix),
    ...useKey(on, 'kms:Decrypt', 'kms:GenerateDataKey'),
    useTable(on),
    allow(['events:PutEvents'], [on.bus.eventBusArn]),
    allow(['lambda:InvokeFunction'], [on.restorer.functionArn]),
    // A key that has to wait is sent anew; by the others Lambda takes the messages.
    allow(
      ['sqs:SendMessage', 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      [on.queue.queueArn],
    ),
  ];
}

export interface PruneResources extends Resources {
  readonly restorer: Pick<IFunction, 'functionArn'>;
  readonly deadLetters: Pick<IQueue, 'queueArn'>;
  readonly failures: Pick<IQueue, 'queueArn'>;
}

export function prunePermissions(on: PruneResources): Permission[] {
  const { bucket, settings } = on;
  const { layout, journalPrefix, heartbeatPrefix, planPrefix } = settings;
  const tags = bucket.arnForObjects(`${layout.repositoriesPrefix}*/_manifests/tags/*`);
  return [
    ...deleteGarbage(on),
    // Undo, and the answer to why something has gone.
    allow(['s3:GetObject'], [bucket.arnForObjects(`${journalPrefix}*`)], { because: JOURNALS }),
    allow(['s3:PutObject'], [bucket.arnForObjects(`${planPrefix}*`)], {
      because:
        'A plan has a name of its own; the condition lets it be written once, so that it stays what it was.',
      ...ONCE,
    }),
    allow(['s3:GetObject'], [bucket.arnForObjects(`${planPrefix}*`)], { because: PLANS }),
    // Undo: a tag comes back only where none stands.
    allow(['s3:PutObject'], [`${tags}/current/link`], { because: LINKS, ...ONCE }),
    allow(['s3:PutObject'], [`${tags}/index/*/link`], { because: LINKS }),
    allow(['s3:PutObject'], [bucket.arnForObjects(`${heartbeatPrefix}*`)], { because: HEARTBEATS }),
    allow(['events:PutEvents'], [on.bus.eventBusArn]),
    allow(['sqs:GetQueueAttributes'], [on.deadLetters.queueArn]),
    // Lambda sends there what failed, in the function's name.
    allow(['sqs:SendMessage'], [on.failures.queueArn]),
  ];
}

type Sharing = Omit<PruneResources, 'failures'>;

/** Of a distributed run: it rehearses, and changes nothing of the registry. */
export function startPermissions(on: Sharing): Permission[] {
  const { bucket, table, settings } = on;
  const { layout, heartbeatPrefix } = settings;
  return [
    ...readTheRegistry(on),
    listVersions(on, layout.prefix),
    allow(['s3:ListBucketMultipartUploads'], [bucket.bucketArn], under(layout.prefix)),
    allow(['s3:ListMultipartUploadParts'], uploadsAndData(on), { because: UPLOADS }),
    allow(['s3:PutObject'], [bucket.arnForObjects(`${heartbeatPrefix}*`)], { because: HEARTBEATS }),
    writeJournal(on),
    ...useKey(on, 'kms:Decrypt', 'kms:GenerateDataKey'),
    allow(
      [
        ...['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'],
        ...['dynamodb:PutItem', 'dynamodb:UpdateItem'],
      ],
      [table.tableArn],
    ),
    queryTheQueue(on),
    allow(['events:PutEvents'], [on.bus.eventBusArn]),
    allow(['sqs:GetQueueAttributes'], [on.deadLetters.queueArn]),
  ];
}

/** Of a distributed run: it deletes as the prune does, and reads no journal, plans nothing and publishes nothing. */
export const workerPermissions = (on: Sharing): Permission[] => deleteGarbage(on);

/** Of a distributed run: it reads what its workers say, and sends them out. */
export const decidePermissions = ({ table }: Resources): Permission[] => [
  allow(['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], [table.tableArn]),
];

/** Of a distributed run: it reads what its workers have left in the journal, and publishes. */
export function finishPermissions(on: Resources): Permission[] {
  const { bucket, table, settings } = on;
  return [
    allow(['s3:GetObject'], [bucket.arnForObjects(`${settings.journalPrefix}*`)], { because: JOURNALS }),
    // Without it S3 answers 403 for totals that a worker did not live to write.
    allow(['s3:ListBucket'], [bucket.bucketArn]),
    ...useKey(on, 'kms:Decrypt'),
    // Reads that are asked for side by side share requests.
    allow(
      ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
      [table.tableArn],
    ),
    allow(['events:PutEvents'], [on.bus.eventBusArn]),
  ];
}

/** What deletes garbage, alone or as one of many. */
function deleteGarbage(on: Sharing): Permission[] {
  const { bucket, settings } = on;
  const { layout } = settings;
  const [uploads = '', data = ''] = uploadsAndData(on);
  return [
    ...readTheRegistry(on),
    writeLinks(on),
    listVersions(on, layout.prefix),
    allow(['s3:DeleteObject'], [data, bucket.arnForObjects(`${layout.repositoriesPrefix}*`)], {
      because:
        'Which blobs and links are garbage is not known before; what goes is a delete marker where versions are kept.',
    }),
    allow(['s3:DeleteObjectVersion'], [uploads], { because: UPLOADS }),
    // Of a blob too: by one, a large upload is moved into place.
    allow(['s3:AbortMultipartUpload', 's3:ListMultipartUploadParts'], [uploads, data], { because: UPLOADS }),
    allow(['s3:ListBucketMultipartUploads'], [bucket.bucketArn], under(layout.prefix)),
    writeJournal(on),
    ...useKey(on, 'kms:Decrypt', 'kms:GenerateDataKey'),
    useTable(on),
    queryTheQueue(on),
    allow(['lambda:InvokeFunction'], [on.restorer.functionArn]),
  ];
}

const uploadsAndData = ({ bucket, settings }: Resources): string[] => [
  bucket.arnForObjects(`${settings.layout.repositoriesPrefix}*/_uploads/*`),
  bucket.arnForObjects(`${settings.layout.blobsPrefix}*/data`),
];

const writeJournal = ({ bucket, settings }: Resources): Permission =>
  allow(['s3:PutObject'], [bucket.arnForObjects(`${settings.journalPrefix}*`)], {
    because:
      'A run’s journal has a name of its own; the condition lets it be written once, and nothing deletes it.',
    ...ONCE,
  });

const queryTheQueue = ({ table }: Resources): Permission =>
  allow(
    ['dynamodb:Query'],
    TABLE_DEFINITION.indexes.map(({ name }) => `${table.tableArn}/index/${name}`),
  );

/** It removes delete markers, which takes an action that could destroy data; so it has nothing else. */
export function restorePermissions({ bucket, settings }: Resources): Permission[] {
  const { prefix } = settings.layout;
  return [
    allow(['s3:ListBucketVersions'], [bucket.bucketArn], under(prefix)),
    allow(['s3:DeleteObjectVersion'], [bucket.arnForObjects(`${prefix}*`)], {
      because:
        'Any blob or link may have to come back. The function checks that a version is a delete marker.',
    }),
  ];
}

export function heartbeatPermissions(on: Resources): Permission[] {
  const { bucket, table, settings } = on;
  const { heartbeatPrefix } = settings;
  return [
    allow(['s3:PutObject', 's3:DeleteObject'], [bucket.arnForObjects(`${heartbeatPrefix}*`)], {
      because: HEARTBEATS,
    }),
    allow(['s3:ListBucket'], [bucket.bucketArn], under(heartbeatPrefix)),
    ...useKey(on, 'kms:GenerateDataKey'),
    allow(['dynamodb:GetItem'], [table.tableArn]),
  ];
}

export interface RebuildResources extends Resources {
  readonly restorer: Pick<IFunction, 'functionArn'>;
  /** Where inventories of the registry's bucket are. Without it none can be used. */
  readonly inventoryBucket?: string;
}

/** It lists, marks a rebuild as begun, writes down how far it is, and deletes what its units have left. */
export function rebuildNextPermissions(on: RebuildResources): Permission[] {
  const { bucket, table, settings } = on;
  return [
    allow(['s3:ListBucket'], [bucket.bucketArn]),
    allow(
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      [bucket.arnForObjects(`${settings.reindexPrefix}*`)],
      { because: UNITS },
    ),
    ...readInventories(on),
    ...useKey(on, 'kms:Decrypt', 'kms:GenerateDataKey'),
    allow(
      ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      [table.tableArn],
    ),
  ];
}

/** What the index may, from listings in the place of events. */
export function rebuildSlicePermissions(on: RebuildResources): Permission[] {
  const { bucket, table, settings } = on;
  return [
    ...readTheRegistry(on),
    writeLinks(on),
    listVersions(on, settings.layout.prefix),
    allow(['s3:GetObject', 's3:PutObject'], [bucket.arnForObjects(`${settings.reindexPrefix}*`)], {
      because: UNITS,
    }),
    ...readInventories(on),
    ...useKey(on, 'kms:Decrypt', 'kms:GenerateDataKey'),
    useTable(on),
    allow(['dynamodb:Scan'], [table.tableArn]),
    allow(['events:PutEvents'], [on.bus.eventBusArn]),
    allow(['lambda:InvokeFunction'], [on.restorer.functionArn]),
  ];
}

function readInventories({ inventoryBucket }: RebuildResources): Permission[] {
  if (inventoryBucket === undefined) return [];
  const bucket = `arn:${Aws.PARTITION}:s3:::${inventoryBucket}`;
  return [
    allow(['s3:GetObject'], [`${bucket}/*`], { because: INVENTORIES }),
    // Without it S3 answers 403 for what is not there.
    allow(['s3:ListBucket'], [bucket]),
  ];
}

/** The registry's notifications only ever set the times of what the table knows. */
export function notificationPermissions(
  { table }: Pick<Resources, 'table'>,
  secretArn: string,
): Permission[] {
  return [
    allow(['dynamodb:GetItem', 'dynamodb:UpdateItem'], [table.tableArn]),
    allow(['secretsmanager:GetSecretValue'], [secretArn]),
  ];
}

/**
 * Without `s3:ListBucket` S3 answers 403 for a key that is not there, and nothing could be known to be missing. With a
 * condition on the prefix it does so too, since a GET has none; so these roles may read the names of all keys.
 */
function readTheRegistry({ bucket, settings }: Resources): Permission[] {
  return [
    allow(['s3:GetObject'], [bucket.arnForObjects(`${settings.layout.prefix}*`)], { because: REGISTRY }),
    allow(['s3:ListBucket', 's3:GetBucketVersioning'], [bucket.bucketArn]),
  ];
}

function writeLinks({ bucket, settings }: Resources): Permission {
  const repository = `${settings.layout.repositoriesPrefix}*`;
  return allow(
    ['s3:PutObject'],
    [
      bucket.arnForObjects(`${repository}/_layers/*/link`),
      bucket.arnForObjects(`${repository}/_manifests/revisions/*/link`),
    ],
    { because: LINKS },
  );
}

const listVersions = ({ bucket }: Resources, prefix: string): Permission =>
  allow(['s3:ListBucketVersions'], [bucket.bucketArn], under(prefix));

const useTable = ({ table }: Resources): Permission =>
  allow(
    [
      ...['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      ...['dynamodb:DeleteItem', 'dynamodb:BatchGetItem', 'dynamodb:BatchWriteItem'],
    ],
    [table.tableArn],
  );

const under = (prefix: string) => ({ conditions: { StringLike: { 's3:prefix': `${prefix}*` } } });

/** For S3's requests alone, so that the key opens nothing else. */
function useKey({ keyArn }: Resources, ...actions: readonly string[]): Permission[] {
  if (keyArn === undefined) return [];
  const service = `s3.${Aws.REGION}.${Aws.URL_SUFFIX}`;
  return [allow(actions, [keyArn], { conditions: { StringEquals: { 'kms:ViaService': service } } })];
}
