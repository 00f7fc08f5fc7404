import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { MAX_DELETE_KEYS } from '../../lambdas/store/limits.ts';
import { DeadlineError } from '../../lambdas/store/object-store.ts';
import { S3Bucket } from '../../lambdas/store/s3-bucket.ts';
import { type Answer, fakeHttp, fakePause, type SentRequest, s3Error, xml } from './fake-http.ts';

interface Options {
  readonly guard?: () => void;
  readonly maxAttempts?: number;
}

function bucketOver(answer: (request: SentRequest, index: number) => Answer, options: Options = {}) {
  const http = fakeHttp(answer);
  const pause = fakePause();
  const retries = { maxAttempts: options.maxAttempts ?? 1, forcePathStyle: true };
  const client = new S3Client({ ...http.settings, ...retries });
  const guard = options.guard ? { guard: options.guard } : {};
  return { bucket: new S3Bucket({ client, bucket: 'B', pause, ...guard }), sent: http.sent, pause };
}

const HEAD: Answer = {
  headers: { etag: '"e"', 'content-length': '3', 'last-modified': 'Mon, 02 Jan 2023 03:04:05 GMT' },
};
const methods = (sent: readonly SentRequest[]) => sent.map(({ method }) => method);
const keysOf = ({ body }: SentRequest) =>
  [...body.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key ?? '');
const deletedAll = (request: SentRequest) =>
  xml(
    `<DeleteResult>${keysOf(request)
      .map((key) => `<Deleted><Key>${key}</Key></Deleted>`)
      .join('')}</DeleteResult>`,
  );

describe('reading', () => {
  it('tells a missing key from a missing bucket, and asks for the bucket once', async () => {
    const { bucket, sent } = bucketOver(({ path }) => (path.includes('/k') ? { status: 404 } : {}));
    expect(await bucket.head('k1')).toBeUndefined();
    expect(await bucket.head('k2')).toBeUndefined();
    expect(sent).toHaveLength(3);
    const missing = bucketOver(() => ({ status: 404 })).bucket;
    await expect(missing.head('k')).rejects.toMatchObject({
      name: 'BucketMissingError',
      message: expect.stringContaining('"B"'),
    });
  });

  it('names a missing bucket in every other request', async () => {
    const { bucket } = bucketOver(() => s3Error(404, 'NoSuchBucket'));
    for (const request of [
      bucket.get('k'),
      bucket.list(''),
      bucket.versions('k'),
      bucket.deleteMany(['k']),
      bucket.deleteVersions([{ key: 'k', versionId: 'v' }]),
      bucket.versionsUnder('k').next(),
      bucket.versioning(),
    ]) {
      await expect(request).rejects.toMatchObject({ name: 'BucketMissingError' });
    }
  });

  it('reads anew what breaks off in the middle, and in the end says so', async () => {
    const half = () =>
      Readable.from(
        (async function* () {
          yield Buffer.from('sh');
          throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
        })(),
      );
    const { headers = {} } = HEAD;
    const mended = bucketOver((_, index) => ({ headers, body: index < 2 ? half() : 'sha' }));
    expect((await mended.bucket.get('k'))?.body).toEqual(new Uint8Array(Buffer.from('sha')));
    expect(methods(mended.sent)).toEqual(['GET', 'GET', 'GET']);
    expect(mended.pause.waits).toHaveLength(2);
    const broken = bucketOver(() => ({ headers, body: half() }));
    await expect(broken.bucket.get('k')).rejects.toMatchObject({
      message: "S3's answer for k broke off: aborted",
      cause: { code: 'ECONNRESET' },
    });
    expect(broken.sent).toHaveLength(4);
  });

  it('does not take a refusal for an absence', async () => {
    const { bucket } = bucketOver(() => s3Error(403, 'AccessDenied'));
    await expect(bucket.get('k')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(bucket.head('k')).rejects.toThrow();
    await expect(bucket.delete('k', '"e"')).rejects.toThrow();
  });

  it('lets go of the body of an object that is too large', async () => {
    const body = new Readable({ read() {} });
    const { bucket } = bucketOver(() => ({
      ...HEAD,
      headers: { ...HEAD.headers, 'content-length': '9999' },
      body,
    }));
    await expect(bucket.get('k', 100)).rejects.toMatchObject({ name: 'ObjectTooLargeError' });
    expect(body.destroyed).toBe(true);
  });

  it('asks for encoded listings and decodes what is encoded', async () => {
    const contents =
      '<Contents><Key>a%2Bb+c%25</Key><Size>1</Size><ETag>"e"</ETag><LastModified>2023-01-02T03:04:05.000Z</LastModified></Contents>';
    const listing = (encoding: string) =>
      xml(
        `<ListBucketResult>${encoding}${contents}<CommonPrefixes><Prefix>p+q/</Prefix></CommonPrefixes><NextContinuationToken>t</NextContinuationToken></ListBucketResult>`,
      );
    const { bucket, sent } = bucketOver((_, index) =>
      listing(index === 0 ? '<EncodingType>url</EncodingType>' : ''),
    );
    const encoded = await bucket.list('a', { delimiter: '/', next: 's' });
    expect(sent[0]?.query).toMatchObject({
      'encoding-type': 'url',
      'max-keys': '1000',
      'continuation-token': 's',
      prefix: 'a',
      delimiter: '/',
    });
    expect(encoded).toEqual({
      objects: [{ key: 'a+b c%', size: 1, etag: '"e"', lastModified: new Date('2023-01-02T03:04:05Z') }],
      prefixes: ['p q/'],
      next: 't',
    });
    expect((await bucket.list('a')).objects[0]?.key).toBe('a%2Bb+c%25');
  });

  it.each([
    ['<Status>Enabled</Status>', 'enabled'],
    ['<Status>Suspended</Status>', 'suspended'],
    ['', 'off'],
  ])('reads versioning %j as %s', async (status, expected) => {
    const { bucket } = bucketOver(() => xml(`<VersioningConfiguration>${status}</VersioningConfiguration>`));
    expect(await bucket.versioning()).toBe(expected);
  });

  it('takes a store without versioning for one where it is off', async () => {
    expect(await bucketOver(() => s3Error(501, 'NotImplemented')).bucket.versioning()).toBe('off');
  });
});

describe('deleting one', () => {
  it('sends the ETag, and answers with the marker', async () => {
    const marked = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': 'v9' };
    const { bucket, sent } = bucketOver(({ method }) =>
      method === 'HEAD' ? HEAD : { status: 204, headers: marked },
    );
    expect(await bucket.delete('k', '"e"')).toEqual({ deleted: true, marker: 'v9' });
    expect(sent[1]?.headers['if-match']).toBe('"e"');
  });

  it('sends nothing that a store without If-Match would carry out', async () => {
    const { bucket, sent } = bucketOver(() => HEAD);
    expect(await bucket.delete('k', '"other"')).toEqual({ deleted: false, reason: 'changed' });
    expect(methods(sent)).toEqual(['HEAD']);
  });

  it.each([
    [412, 'PreconditionFailed', 'changed'],
    [409, 'ConditionalRequestConflict', 'changed'],
    [404, 'NoSuchKey', 'changed'],
  ])('reads %i %s as %s', async (status, code, reason) => {
    const { bucket } = bucketOver(({ method }) => (method === 'HEAD' ? HEAD : s3Error(status, code)));
    expect(await bucket.delete('k', '"e"')).toEqual({ deleted: false, reason });
  });
});

describe('deleting many', () => {
  it('sends at most 1,000 keys a request, each once, and asks to be told of each', async () => {
    const { bucket, sent } = bucketOver(deletedAll);
    const keys = Array.from({ length: 2500 }, (_, n) => `k${n}`);
    const { deleted, failed } = await bucket.deleteMany([...keys, 'k0']);
    expect(sent.map((request) => keysOf(request).length)).toEqual([MAX_DELETE_KEYS, MAX_DELETE_KEYS, 500]);
    expect(sent.every(({ body }) => body.includes('<Quiet>false</Quiet>'))).toBe(true);
    expect(deleted.map(({ key }) => key)).toEqual(keys);
    expect(failed).toEqual([]);
  });

  it('tells apart what S3 deleted, refused, and did not mention', async () => {
    const { bucket } = bucketOver(() =>
      xml(
        '<DeleteResult><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted>' +
          '<Error><Key>b</Key><Code>InternalError</Code><Message>We</Message></Error></DeleteResult>',
      ),
    );
    expect(await bucket.deleteMany(['a', 'b', 'c'])).toEqual({
      deleted: [{ key: 'a', marker: 'm' }],
      failed: [
        { key: 'b', code: 'InternalError', message: 'We' },
        { key: 'c', code: 'NotConfirmed', message: expect.any(String) },
      ],
    });
  });

  it('waits when S3 is too busy, and gives up after some tries', async () => {
    const busy = bucketOver((request, index) => (index < 2 ? s3Error(503, 'SlowDown') : deletedAll(request)));
    expect((await busy.bucket.deleteMany(['a'])).deleted).toEqual([{ key: 'a' }]);
    expect(busy.pause.waits).toEqual([25, 50]);
    const always = bucketOver(() => s3Error(503, 'SlowDown'));
    await expect(always.bucket.deleteMany(['a'])).rejects.toMatchObject({ name: 'SlowDown' });
    expect(always.sent).toHaveLength(4);
  });

  it('does not repeat what S3 refuses', async () => {
    const { bucket, sent } = bucketOver(() => s3Error(403, 'AccessDenied'));
    await expect(bucket.deleteMany(['a'])).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(sent).toHaveLength(1);
  });
});

describe('deleting versions', () => {
  const named = ({ body }: SentRequest) =>
    [...body.matchAll(/<Key>(.*?)<\/Key><VersionId>(.*?)<\/VersionId>/g)].map(([, key, id]) => [key, id]);

  it('sends at most 1,000 a request, each once, by key and id', async () => {
    const { bucket, sent } = bucketOver((request) =>
      xml(
        `<DeleteResult>${named(request)
          .map(([key, id]) => `<Deleted><Key>${key}</Key><VersionId>${id}</VersionId></Deleted>`)
          .join('')}</DeleteResult>`,
      ),
    );
    const versions = Array.from({ length: 2100 }, (_, n) => ({ key: `k${n % 700}`, versionId: `v${n}` }));
    const { deleted, failed } = await bucket.deleteVersions([...versions, ...versions.slice(0, 1)]);
    expect(sent.map((request) => named(request).length)).toEqual([MAX_DELETE_KEYS, MAX_DELETE_KEYS, 100]);
    expect(named(sent[0] as SentRequest)[999]).toEqual(['k299', 'v999']);
    expect(deleted).toEqual(versions);
    expect(failed).toEqual([]);
  });

  it('tells apart the versions of one key: deleted, refused, not mentioned', async () => {
    const { bucket } = bucketOver(() =>
      xml(
        '<DeleteResult><Deleted><Key>a</Key><VersionId>1</VersionId></Deleted>' +
          '<Deleted><Key>a</Key><VersionId>m</VersionId><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted>' +
          '<Error><Key>a</Key><VersionId>2</VersionId><Code>AccessDenied</Code><Message>No</Message></Error></DeleteResult>',
      ),
    );
    const asked = ['1', 'm', '2', '3'].map((versionId) => ({ key: 'a', versionId }));
    expect(await bucket.deleteVersions(asked)).toEqual({
      deleted: asked.slice(0, 2),
      failed: [
        { key: 'a', versionId: '2', code: 'AccessDenied', message: 'No' },
        { key: 'a', versionId: '3', code: 'NotConfirmed', message: expect.any(String) },
      ],
    });
  });

  it('waits when S3 is too busy', async () => {
    const { bucket, pause } = bucketOver((_, index) =>
      index === 0
        ? s3Error(503, 'SlowDown')
        : xml('<DeleteResult><Deleted><Key>a</Key><VersionId>1</VersionId></Deleted></DeleteResult>'),
    );
    expect((await bucket.deleteVersions([{ key: 'a', versionId: '1' }])).failed).toEqual([]);
    expect(pause.waits).toEqual([25]);
  });
});

describe('putting where nothing may be', () => {
  const absent = (put: (index: number) => Answer) =>
    bucketOver(({ method }, index) => (method === 'HEAD' && index === 0 ? { status: 404 } : put(index)));

  it('asks S3 to look, and sends nothing that a store without If-None-Match would carry out', async () => {
    const { bucket, sent } = absent(() => ({}));
    expect(await bucket.put('k', 'x', { ifAbsent: true })).toBe(true);
    expect(sent.at(-1)).toMatchObject({ method: 'PUT', headers: { 'if-none-match': '*' } });
    const there = bucketOver(() => HEAD);
    expect(await there.bucket.put('k', 'x', { ifAbsent: true })).toBe(false);
    expect(methods(there.sent)).toEqual(['HEAD']);
    const plain = bucketOver(() => ({}));
    expect(await plain.bucket.put('k', 'x')).toBe(true);
    expect(plain.sent[0]?.headers['if-none-match']).toBeUndefined();
  });

  it('does not look for a key of which the caller is the only one to write it', async () => {
    const { bucket, sent } = bucketOver(() => ({}));
    expect(await bucket.put('k', 'x', { ifAbsent: true, unique: true })).toBe(true);
    expect(sent).toMatchObject([{ method: 'PUT', headers: { 'if-none-match': '*' } }]);
    const there = bucketOver(() => s3Error(412, 'PreconditionFailed'));
    expect(await there.bucket.put('k', 'x', { ifAbsent: true, unique: true })).toBe(false);
  });

  it('reads 412 as that one is there', async () => {
    const { bucket } = absent((index) => (index === 1 ? {} : s3Error(412, 'PreconditionFailed')));
    expect(await bucket.put('k', 'x', { ifAbsent: true })).toBe(false);
  });

  it('waits for another put under way, and gives up after some tries', async () => {
    const conflict = s3Error(409, 'ConditionalRequestConflict');
    const once = absent((index) => (index === 2 ? conflict : {}));
    expect(await once.bucket.put('k', 'x', { ifAbsent: true })).toBe(true);
    expect(once.pause.waits).toEqual([25]);
    const always = absent((index) => (index === 1 ? {} : conflict));
    await expect(always.bucket.put('k', 'x', { ifAbsent: true })).rejects.toMatchObject({
      name: 'ConditionalRequestConflict',
    });
    expect(methods(always.sent).filter((method) => method === 'PUT')).toHaveLength(4);
    // Without the condition it is an error like any other.
    const { bucket, sent } = bucketOver(() => conflict);
    await expect(bucket.put('k', 'x')).rejects.toThrow();
    expect(sent).toHaveLength(1);
  });
});

describe('the deadline', () => {
  const upload = { key: 'k', uploadId: 'u', initiated: new Date(0) };
  const destructive: [string, (bucket: S3Bucket) => Promise<unknown>][] = [
    ['delete', (bucket) => bucket.delete('k', '"e"')],
    ['deleteMany', (bucket) => bucket.deleteMany(['k'])],
    ['deleteVersion', (bucket) => bucket.deleteVersion('k', 'v')],
    ['deleteVersions', (bucket) => bucket.deleteVersions([{ key: 'k', versionId: 'v' }])],
    ['abortUpload', (bucket) => bucket.abortUpload(upload)],
  ];
  const isWrite = ({ method }: SentRequest) => method !== 'HEAD';

  /** A bucket whose deadline passes while the first attempt is under way. */
  function passingDuring(attempt: () => Answer) {
    let passed = false;
    const guard = () => {
      if (passed) throw new DeadlineError('too late');
    };
    return bucketOver(
      (request) => {
        if (!isWrite(request)) return HEAD;
        passed = true;
        return attempt();
      },
      { guard, maxAttempts: 3 },
    );
  }

  it.each(destructive)('passes between two attempts: %s is not sent again', async (_, destroy) => {
    const { bucket, sent } = passingDuring(() => s3Error(500, 'InternalError'));
    await expect(destroy(bucket)).rejects.toMatchObject({ name: 'DeadlineError' });
    expect(sent.filter(isWrite)).toHaveLength(1);
  });

  it.each(destructive)(
    'passes after an attempt that nobody answered: %s may be carried out yet',
    async (_, destroy) => {
      const { bucket, sent } = passingDuring(() => {
        throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError', code: 'ECONNRESET' });
      });
      await expect(destroy(bucket)).rejects.toMatchObject({
        name: 'UnansweredError',
        message: 'a deletion was sent and not answered, and too late',
      });
      expect(sent.filter(isWrite)).toHaveLength(1);
    },
  );

  it.each(destructive)('is looked at before each attempt: %s', async (_, destroy) => {
    let looks = 0;
    const { bucket, sent } = bucketOver(
      (request) => (isWrite(request) ? s3Error(500, 'InternalError') : HEAD),
      {
        guard: () => {
          looks++;
        },
        maxAttempts: 3,
      },
    );
    await expect(destroy(bucket)).rejects.toMatchObject({ name: 'InternalError' });
    expect(sent.filter(isWrite)).toHaveLength(3);
    expect(looks).toBe(3);
  });

  it('is looked at before the signature, whose age AWS bounds', async () => {
    const order: string[] = [];
    const http = fakeHttp(deletedAll);
    const signer = {
      sign: async <Request>(request: Request) => {
        order.push('signed');
        return request;
      },
    };
    const client = new S3Client({ ...http.settings, signer, forcePathStyle: true });
    const bucket = new S3Bucket({ client, bucket: 'B', guard: () => void order.push('looked') });
    await bucket.deleteMany(['k']);
    expect(order).toEqual(['looked', 'signed']);
  });

  it('has passed: nothing is sent, and what only reads still is', async () => {
    const guard = () => {
      throw new DeadlineError('too late');
    };
    const { bucket, sent } = bucketOver(() => HEAD, { guard });
    for (const [, destroy] of destructive)
      await expect(destroy(bucket)).rejects.toBeInstanceOf(DeadlineError);
    expect(methods(sent)).toEqual(['HEAD']);
    expect(await bucket.head('k')).toMatchObject({ etag: '"e"' });
    await bucket.put('k', 'x');
  });
});

describe('multipart uploads', () => {
  it('are listed page by page', async () => {
    const page = (key: string, more: string) =>
      xml(
        `<ListMultipartUploadsResult><EncodingType>url</EncodingType>${more}<Upload><Key>${key}</Key><UploadId>u${key}</UploadId><Initiated>2023-01-02T03:04:05.000Z</Initiated></Upload></ListMultipartUploadsResult>`,
      );
    const { bucket, sent } = bucketOver((_, index) =>
      index === 0
        ? page(
            'a+b',
            '<IsTruncated>true</IsTruncated><NextKeyMarker>a+b</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>',
          )
        : page('c', '<IsTruncated>false</IsTruncated>'),
    );
    const found: string[] = [];
    for await (const { key } of bucket.multipartUploads('p')) found.push(key);
    expect(found).toEqual(['a b', 'c']);
    expect(sent[1]?.query).toMatchObject({ 'key-marker': 'a b', 'upload-id-marker': 'u' });
  });

  it('have the bytes of their parts', async () => {
    const upload = { key: 'k', uploadId: 'u', initiated: new Date(0) };
    const { bucket } = bucketOver((_, index) =>
      xml(
        index === 0
          ? '<ListPartsResult><Part><PartNumber>1</PartNumber><Size>5</Size></Part><IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker></ListPartsResult>'
          : '<ListPartsResult><Part><PartNumber>2</PartNumber><Size>6</Size></Part><IsTruncated>false</IsTruncated></ListPartsResult>',
      ),
    );
    expect(await bucket.multipartBytes(upload)).toBe(11);
    const gone = bucketOver(() => s3Error(404, 'NoSuchUpload')).bucket;
    expect(await gone.multipartBytes(upload)).toBe(0);
    await gone.abortUpload(upload);
  });
});
