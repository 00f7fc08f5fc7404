import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import type { Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { markerRemover } from '../../lambdas/dependencies.ts';
import { RegistryLayout } from '../../lambdas/registry/layout.ts';
import { parseMarkers } from '../../lambdas/restore/markers-request.ts';
import { image } from '../support/images.ts';
import { dataKey, layerKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';

const { digest } = image('one');
const [data, tag] = [dataKey(digest), tagLinkKey('app', 'v1')];
const layout = new RegistryLayout('');
const marker = (key: string) => ({ key, versionId: 'marker' });

describe('a request', () => {
  it('may name data and tags, up to a thousand', () => {
    const markers = Array.from({ length: 1_000 }, (_, at) => marker(at % 2 === 0 ? data : tag));
    expect(parseMarkers({ markers }, layout)).toEqual(markers);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', []],
    ['no markers', {}],
    ['none', { markers: [] }],
    ['too many', { markers: Array.from({ length: 1_001 }, () => marker(data)) }],
    ['an unknown field', { markers: [marker(data)], dryRun: true }],
    ['an unknown field of a marker', { markers: [{ ...marker(data), isLatest: true }] }],
    ['no version', { markers: [{ key: data }] }],
    ['an empty version', { markers: [{ key: data, versionId: '' }] }],
    ['a number for a key', { markers: [{ key: 1, versionId: '1' }] }],
  ])('is refused with what is allowed: %s', (_, payload) => {
    expect(() => parseMarkers(payload, layout)).toThrow(
      expect.objectContaining({
        name: 'InvalidMarkersError',
        message: expect.stringContaining('1 to 1000'),
      }),
    );
  });

  it.each([
    ['a manifest link', revisionKey('app', digest)],
    ['a layer link', layerKey('app', digest)],
    ['a tag history', tag.replace('current/link', `index/${digest.replace(':', '/')}/link`)],
    ['a journal', 'registry-prune/journal/1/1.ndjson'],
    ['another root', `root/${data}`],
    ['a way out', data.replace('/blobs/', '/blobs/../blobs/')],
    ['nothing', ''],
  ])('is refused by the key that it may not name: %s', (_, key) => {
    expect(() => parseMarkers({ markers: [marker(data), marker(key)] }, layout)).toThrow(
      expect.objectContaining({
        name: 'InvalidMarkersError',
        message: expect.stringContaining(JSON.stringify(key)),
      }),
    );
  });
});

describe('the environment', () => {
  it('needs the bucket and nothing else', () => {
    expect(markerRemover({ REGISTRY_BUCKET: 'b', REGISTRY_ROOT: '/root' }).layout.prefix).toBe(
      'root/docker/registry/v2/',
    );
    expect(() => markerRemover({})).toThrow(
      expect.objectContaining({
        name: 'ConfigurationError',
        message: expect.stringContaining('REGISTRY_BUCKET'),
      }),
    );
  });
});

describe('the function', () => {
  let server: Server;
  let handler: (payload: unknown, context: Context) => Promise<unknown>;
  const requests: string[] = [];

  /** Of one key: a marker on top of a version of data. */
  const versions = (key: string): string =>
    `<ListVersionsResult><IsTruncated>false</IsTruncated>
      <DeleteMarker><Key>${key}</Key><VersionId>marker</VersionId><IsLatest>true</IsLatest>
        <LastModified>2026-03-01T00:00:01Z</LastModified></DeleteMarker>
      <Version><Key>${key}</Key><VersionId>data</VersionId><IsLatest>false</IsLatest>
        <LastModified>2026-03-01T00:00:00Z</LastModified><ETag>"e"</ETag><Size>1</Size></Version>
    </ListVersionsResult>`;

  beforeAll(async () => {
    server = createServer(async (request, response) => {
      await text(request);
      const url = new URL(request.url ?? '', 'http://s3');
      requests.push(`${request.method} ${decodeURIComponent(url.pathname)}${url.search}`);
      if (request.method === 'GET') response.end(versions(url.searchParams.get('prefix') ?? ''));
      else response.writeHead(204).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const settings = {
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      REGISTRY_BUCKET: 'registry',
    };
    for (const [name, value] of Object.entries(settings)) vi.stubEnv(name, value);
    vi.stubEnv('METADATA_TABLE', undefined);
    // As a cold start would: it reads its configuration when it is loaded.
    ({ handler } = (await import('../../lambdas/restore/handler.ts')) as unknown as {
      handler: typeof handler;
    });
  });

  beforeEach(() => {
    requests.length = 0;
    vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  });

  afterEach(() => vi.restoreAllMocks());

  afterAll(() => {
    vi.unstubAllEnvs();
    server?.close();
    server?.closeAllConnections();
  });

  const invoke = (payload: unknown) => handler(payload, { awsRequestId: '1' } as Context);
  const deletions = () => requests.filter((request) => request.startsWith('DELETE'));

  it('removes the markers by their ids, and nothing else', async () => {
    expect(await invoke({ markers: [marker(data), marker(tag)] })).toEqual({ removed: 2 });
    expect(deletions().map((request) => request.replace(/&?x-id=\w+/, ''))).toEqual(
      [data, tag].map((key) => `DELETE /registry/${key}?versionId=marker`),
    );
  });

  it('removes nothing at all when one of them is data', async () => {
    const payload = { markers: [marker(data), { key: tag, versionId: 'data' }] };
    await expect(invoke(payload)).rejects.toMatchObject({ name: 'NotAMarkerError' });
    expect(deletions()).toEqual([]);
  });

  it('asks for nothing when it must not be asked', async () => {
    const payload = { markers: [marker(data), marker('somewhere/else')] };
    await expect(invoke(payload)).rejects.toMatchObject({ name: 'InvalidMarkersError' });
    expect(requests).toEqual([]);
  });
});
