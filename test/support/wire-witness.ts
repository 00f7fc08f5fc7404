/** Watches the requests to S3 for deletions that no stored journal line has announced. */
import type { Exchange, ProxyOptions } from './faulty-proxy.ts';
import type { JournalWitness } from './journal-witness.ts';

/** For a proxy before S3, with the bucket in the path. */
export function watchedBy(witness: JournalWitness): Required<Pick<ProxyOptions, 'onForward' | 'onAnswer'>> {
  return {
    onForward: (exchange) => witness.deletes(deletedBy(exchange)),
    onAnswer: ({ service, method, url, body }, status) => {
      if (service === 's3' && method === 'PUT' && status === 200) witness.stored(keyOf(url), body.toString());
    },
  };
}

/** Keys; one named with its version is a marker that goes, so that something comes back, but below uploads. */
export function deletedBy({ service, operation, url, body }: Exchange): string[] {
  if (service !== 's3') return [];
  if (operation === 'DELETE') {
    const isMarker = new URL(url, 'http://s3').searchParams.has('versionId');
    return isMarker ? [] : [keyOf(url)];
  }
  if (operation !== 'DeleteObjects') return [];
  const objects = [...body.toString().matchAll(/<Object>(.*?)<\/Object>/gs)].map(([, object = '']) => object);
  return objects.flatMap((object) => {
    const key = /<Key>(.*?)<\/Key>/s.exec(object)?.[1] ?? '';
    return object.includes('<VersionId>') && !key.includes('/_uploads/') ? [] : [key];
  });
}

/** Without the bucket. */
export function keyOf(url: string): string {
  const { pathname } = new URL(url, 'http://s3');
  return decodeURIComponent(pathname.split('/').slice(2).join('/'));
}
