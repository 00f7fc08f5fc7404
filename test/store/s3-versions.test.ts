import { S3Client } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { readVersions, versionPage } from '../../lambdas/store/s3-versions.ts';
import { fakeHttp, type SentRequest, xml } from './fake-http.ts';

interface Entry {
  readonly id: string;
  readonly kind: 'Version' | 'DeleteMarker';
  /** Whole seconds, as S3 keeps them. */
  readonly second: number;
  readonly key?: string;
}

/** S3's listing of these entries, given in its order. */
function serve(entries: readonly Entry[]) {
  const latest = new Set<string>();
  const flagged = entries.map((entry) => {
    const key = entry.key ?? 'k';
    const isLatest = !latest.has(key);
    latest.add(key);
    return { ...entry, key, isLatest };
  });
  const http = fakeHttp(({ query }: SentRequest) => {
    const from =
      flagged.findIndex(({ key, id }) => key === query['key-marker'] && id === query['version-id-marker']) +
      1;
    const page = flagged.slice(from, from + Number(query['max-keys']));
    const last = page.at(-1);
    const body = page.map(
      ({ kind, key, id, second, isLatest }) =>
        `<${kind}><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${isLatest}</IsLatest>` +
        `<LastModified>2023-01-01T00:00:0${second}.000Z</LastModified>${kind === 'Version' ? '<ETag>"e"</ETag><Size>4</Size>' : ''}</${kind}>`,
    );
    const more = from + page.length < flagged.length;
    const next = more
      ? `<NextKeyMarker>${last?.key}</NextKeyMarker><NextVersionIdMarker>${last?.id}</NextVersionIdMarker>`
      : '';
    return xml(
      `<ListVersionsResult><IsTruncated>${more}</IsTruncated>${next}${body.join('')}</ListVersionsResult>`,
    );
  });
  return { client: new S3Client({ ...http.settings, forcePathStyle: true }), sent: http.sent };
}

const version = (id: string, second: number, key?: string): Entry => ({
  id,
  kind: 'Version',
  second,
  ...(key ? { key } : {}),
});
const marker = (id: string, second: number): Entry => ({ id, kind: 'DeleteMarker', second });

it.each<[string, Entry[], requests: number]>([
  ['none', [], 1],
  [
    'versions and markers of different times',
    [marker('d', 4), version('c', 3), marker('b', 2), version('a', 1)],
    1,
  ],
  ['the latest marker within the second of its version', [marker('b', 1), version('a', 1)], 1],
  ['the latest version within the second of a marker', [version('b', 1), marker('a', 1)], 1],
  [
    'others of one second, which one page cannot tell',
    [marker('d', 1), version('c', 1), marker('b', 1), version('a', 1)],
    5,
  ],
  ['the same, otherwise', [marker('d', 1), marker('c', 1), version('b', 1), version('a', 1)], 5],
])('reads in the order of S3: %s', async (_, entries, requests) => {
  const { client, sent } = serve(entries);
  const versions = await readVersions(client, 'B', 'k');
  expect(versions.map(({ versionId }) => versionId)).toEqual(entries.map(({ id }) => id));
  expect(versions.map(({ isLatest }) => isLatest)).toEqual(entries.map((_, index) => index === 0));
  expect(versions.map(({ isDeleteMarker }) => isDeleteMarker)).toEqual(
    entries.map(({ kind }) => kind === 'DeleteMarker'),
  );
  expect(sent).toHaveLength(requests);
});

it('reads only this key, and stops where others begin', async () => {
  const others = Array.from({ length: 1500 }, (_, n) => version(`x${n}`, 1, 'k/below'));
  const { client, sent } = serve([version('b', 2), version('a', 1), ...others]);
  expect(await readVersions(client, 'B', 'k')).toMatchObject([
    { key: 'k', versionId: 'b', size: 4, etag: '"e"' },
    { key: 'k', versionId: 'a' },
  ]);
  expect(sent).toHaveLength(1);
});

it('reads more versions than one page holds', async () => {
  const many = Array.from({ length: 2100 }, (_, n) => version(`v${n}`, 1));
  const { client, sent } = serve(many);
  expect(await readVersions(client, 'B', 'k')).toHaveLength(2100);
  expect(sent).toHaveLength(3);
});

it('reads all under a prefix, page by page', async () => {
  const many = Array.from({ length: 1500 }, (_, n) => version(`v${n}`, 1, `k/${Math.floor(n / 2)}`));
  const { client, sent } = serve([...many.slice(0, 700), marker('d', 2), ...many.slice(700)]);
  const first = await versionPage(client, 'B', 'k', {});
  expect(first.versions).toHaveLength(1000);
  expect(first.versions.at(-1)).toMatchObject({ key: 'k', versionId: 'd', isDeleteMarker: true, size: 0 });
  const second = await versionPage(client, 'B', 'k', first.next ?? {});
  expect(second.versions).toHaveLength(501);
  expect(second.next).toBeUndefined();
  expect(sent[0]?.query).toMatchObject({ prefix: 'k', 'max-keys': '1000', 'encoding-type': 'url' });
  const all = [...first.versions, ...second.versions];
  expect(new Set(all.map(({ versionId }) => versionId)).size).toBe(1501);
});
