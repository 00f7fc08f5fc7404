/** Envelopes as distribution writes them. */
import type { Digest } from '../support/images.ts';

export const DIGEST: Digest = `sha256:${'926b6fb83e675bc769b4665b6d8edb9b4e3a6e16cd6e24234493e94bdd796d0b'}`;

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

export interface EventOptions {
  readonly action?: unknown;
  readonly timestamp?: unknown;
  /** Over the usual target; `undefined` leaves a member out. */
  readonly target?: Readonly<Record<string, unknown>>;
}

/** One event: a manifest's pull unless told otherwise. */
export function event({
  action = 'pull',
  timestamp = '2026-03-01T00:00:00Z',
  target = {},
}: EventOptions = {}) {
  return {
    ...{ id: '9e0add9f-bdcc-46b4-a0bc-e965334cef4d', timestamp, action },
    target: {
      ...{ mediaType: OCI_MANIFEST, size: 402, digest: DIGEST, length: 402, repository: 'team/app' },
      url: `https://registry.example.com/v2/team/app/manifests/${DIGEST}`,
      ...target,
    },
    request: {
      ...{
        id: '165b9e38-1f18-46f6-ad5f-8fff2bc18d6f',
        addr: '192.0.2.7:39040',
        host: 'registry.example.com',
      },
      ...{ method: 'GET', useragent: 'containerd/v1.7.24' },
    },
    actor: {},
    source: { addr: 'registry-0:5000', instanceID: '317485bd-ffb5-4858-af6b-d6d47ff7a7d0' },
  };
}

export const envelope = (...events: readonly unknown[]): string => JSON.stringify({ events }, null, 3);

/** As distribution 2.8.2 sent it, to the byte but for the host's name: an OCI image pulled by tag. */
export const DISTRIBUTION_2 = `{
   "events": [
      {
         "id": "9e0add9f-bdcc-46b4-a0bc-e965334cef4d",
         "timestamp": "2026-02-28T23:59:02.691814219Z",
         "action": "pull",
         "target": {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 402,
            "digest": "${DIGEST}",
            "length": 402,
            "repository": "team/app",
            "url": "http://127.0.0.1:34035/v2/team/app/manifests/${DIGEST}",
            "tag": "v1"
         },
         "request": {
            "id": "165b9e38-1f18-46f6-ad5f-8fff2bc18d6f",
            "addr": "127.0.0.1:39040",
            "host": "127.0.0.1:34035",
            "method": "GET",
            "useragent": "node"
         },
         "actor": {},
         "source": {
            "addr": "vm:0",
            "instanceID": "317485bd-ffb5-4858-af6b-d6d47ff7a7d0"
         }
      }
   ]
}`;

/** In the form of distribution 3, with `includereferences` and a zone: an index pulled by digest. */
export const DISTRIBUTION_3 = `{
   "events": [
      {
         "id": "0d5a1a3e-6c8b-4a52-9b0e-3f6f8b7f9a11",
         "timestamp": "2026-03-01T00:59:30.5+01:00",
         "action": "pull",
         "target": {
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "digest": "${DIGEST}",
            "size": 1024,
            "length": 1024,
            "repository": "team/app",
            "url": "https://registry.example.com/v2/team/app/manifests/${DIGEST}",
            "references": [
               {
                  "mediaType": "application/vnd.oci.image.manifest.v1+json",
                  "digest": "sha256:1111111111111111111111111111111111111111111111111111111111111111",
                  "size": 402,
                  "platform": { "architecture": "amd64", "os": "linux" }
               }
            ]
         },
         "request": {
            "id": "f1b7c9d2-21f3-4e2b-8a43-1f7c2e9f0c55",
            "addr": "192.0.2.7:41772",
            "host": "registry.example.com",
            "method": "HEAD",
            "useragent": "containerd/v2.1.0"
         },
         "actor": { "name": "ci" },
         "source": { "addr": "registry-7c9f:5000", "instanceID": "5a0d3c70-2b54-4b8f-8a53-6d2f4f0e7c3b" }
      }
   ]
}`;
