import { createHash } from 'node:crypto';

export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly status: number;
  readonly body: string;

  constructor(request: string, status: number, body: string) {
    super(`${request}: ${status} ${body}`);
    this.status = status;
    this.body = body;
  }
}

export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface PushBlobOptions {
  /** Ask with HEAD first, as clients do, and send nothing when the registry has it. @default false */
  readonly check?: boolean;
  /** Send the bytes in this many PATCH requests before the closing PUT. @default one PUT with the bytes */
  readonly chunks?: number;
}

export type RegistryClient = ReturnType<typeof registryClient>;

export const MANIFEST_TYPES = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

const PAGE = 100;

export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The Distribution API as it goes over the wire: no client's cleverness between a test and the registry. */
export function registryClient(registryUrl: string) {
  const call = async (
    method: string,
    url: string,
    init: { headers?: Record<string, string>; body?: Uint8Array } = {},
  ): Promise<Response> => {
    const response = await fetch(new URL(url, registryUrl), {
      method,
      redirect: 'manual',
      ...(init.headers === undefined ? {} : { headers: init.headers }),
      ...(init.body === undefined ? {} : { body: Buffer.from(init.body) }),
    });
    if (!response.ok) throw new RegistryError(`${method} ${url}`, response.status, await response.text());
    return response;
  };

  const location = (response: Response): URL => {
    const value = response.headers.get('location');
    if (value === null) throw new Error(`${response.url}: no Location header`);
    return new URL(value, registryUrl);
  };

  const headBlob = async (repo: string, digest: string): Promise<boolean> => {
    try {
      await call('HEAD', `/v2/${repo}/blobs/${digest}`);
      return true;
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return false;
      throw error;
    }
  };

  const beginUpload = async (repo: string): Promise<URL> =>
    location(await drained(call('POST', `/v2/${repo}/blobs/uploads/`)));

  const patch = async (upload: URL, bytes: Uint8Array, from: number): Promise<URL> =>
    location(
      await drained(
        call('PATCH', upload.href, {
          headers: {
            'content-type': 'application/octet-stream',
            'content-range': `${from}-${from + bytes.length - 1}`,
          },
          body: bytes,
        }),
      ),
    );

  const finish = async (upload: URL, digest: string, bytes: Uint8Array): Promise<void> => {
    upload.searchParams.set('digest', digest);
    await drained(
      call('PUT', upload.href, { headers: { 'content-type': 'application/octet-stream' }, body: bytes }),
    );
  };

  const pushBlob = async (repo: string, bytes: Uint8Array, options: PushBlobOptions = {}) => {
    const digest = sha256(bytes);
    if (options.check === true && (await headBlob(repo, digest))) return digest;
    let upload = await beginUpload(repo);
    let rest = bytes;
    if (options.chunks !== undefined) {
      const size = Math.ceil(bytes.length / options.chunks);
      for (let from = 0; from < bytes.length; from += size) {
        upload = await patch(upload, bytes.subarray(from, from + size), from);
      }
      rest = new Uint8Array();
    }
    await finish(upload, digest, rest);
    return digest;
  };

  /** An upload that is begun, given some data, and left. */
  const startUpload = async (repo: string, bytes: Uint8Array): Promise<string> => {
    const upload = await patch(await beginUpload(repo), bytes, 0);
    return upload.pathname.split('/').at(-1) ?? '';
  };

  /** True when the registry mounted the blob, false when it answered with an upload instead. */
  const mountBlob = async (repo: string, digest: string, from: string): Promise<boolean> => {
    const query = new URLSearchParams({ mount: digest, from });
    const response = await drained(call('POST', `/v2/${repo}/blobs/uploads/?${query}`));
    return response.status === 201;
  };

  const getBlob = async (repo: string, digest: string): Promise<Uint8Array> => {
    const response = await call('GET', `/v2/${repo}/blobs/${digest}`);
    return verified(`${repo} blob`, digest, new Uint8Array(await response.arrayBuffer()));
  };

  const putManifest = async (
    repo: string,
    reference: string,
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<string> => {
    const response = await drained(
      call('PUT', `/v2/${repo}/manifests/${reference}`, {
        headers: { 'content-type': mediaType },
        body: bytes,
      }),
    );
    const digest = sha256(bytes);
    const stored = response.headers.get('docker-content-digest');
    if (stored !== digest) throw new Error(`${repo}:${reference}: sent ${digest}, registry says ${stored}`);
    return digest;
  };

  const getManifest = async (repo: string, reference: string): Promise<Manifest> => {
    const response = await call('GET', `/v2/${repo}/manifests/${reference}`, {
      headers: { accept: MANIFEST_TYPES.join(', ') },
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const claimed = reference.includes(':') ? reference : response.headers.get('docker-content-digest');
    const digest = sha256(verified(`${repo} manifest ${reference}`, claimed, bytes));
    return { digest, bytes, mediaType: response.headers.get('content-type') ?? '' };
  };

  /** The digest a reference has now, or undefined when the registry does not know it. */
  const headManifest = async (repo: string, reference: string): Promise<string | undefined> => {
    try {
      const response = await call('HEAD', `/v2/${repo}/manifests/${reference}`, {
        headers: { accept: MANIFEST_TYPES.join(', ') },
      });
      return response.headers.get('docker-content-digest') ?? undefined;
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return undefined;
      throw error;
    }
  };

  const deleteManifest = async (repo: string, digest: string): Promise<void> => {
    await drained(call('DELETE', `/v2/${repo}/manifests/${digest}`));
  };

  const paged = async (first: string, field: 'repositories' | 'tags'): Promise<string[]> => {
    const found: string[] = [];
    for (let next: string | undefined = first; next !== undefined; ) {
      const response: Response = await call('GET', next);
      found.push(...names(await response.json(), field));
      next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    return found.sort();
  };

  const catalog = () => paged(`/v2/_catalog?n=${PAGE}`, 'repositories');

  /** A repository that never had a tag is unknown to this call; it has none. */
  const listTags = async (repo: string): Promise<string[]> => {
    try {
      return await paged(`/v2/${repo}/tags/list`, 'tags');
    } catch (error) {
      if (error instanceof RegistryError && error.status === 404) return [];
      throw error;
    }
  };

  return {
    url: registryUrl,
    host: new URL(registryUrl).host,
    headBlob,
    pushBlob,
    startUpload,
    mountBlob,
    getBlob,
    putManifest,
    getManifest,
    headManifest,
    deleteManifest,
    listTags,
    catalog,
  };
}

function verified(what: string, digest: string | null, bytes: Uint8Array): Uint8Array {
  const actual = sha256(bytes);
  if (actual !== digest) throw new Error(`${what}: expected ${digest}, the bytes are ${actual}`);
  return bytes;
}

/** Reads the body to its end so that the connection is free again. */
async function drained(pending: Promise<Response>): Promise<Response> {
  const response = await pending;
  await response.arrayBuffer();
  return response;
}

function names(page: unknown, field: string): string[] {
  const list: unknown = typeof page === 'object' && page !== null ? Reflect.get(page, field) : undefined;
  return Array.isArray(list) ? list.filter((name): name is string => typeof name === 'string') : [];
}
