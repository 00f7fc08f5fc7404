/** Manifests and configurations as builders push them: true bytes, and so true digests. */
import { type Digest, digestOf } from '../../lambdas/registry/digest.ts';
import { MEDIA_TYPES } from '../../lambdas/registry/media-types.ts';

/** A blob that is known by its size alone. */
export interface Layer {
  readonly digest: Digest;
  readonly size: number;
}

/** A manifest or a configuration. */
export interface Document extends Layer {
  readonly bytes: Uint8Array;
}

/** A manifest with the blobs it names. */
export interface Manifest extends Document {
  readonly mediaType: string;
  readonly config?: Document;
  readonly layers: readonly Layer[];
}

const utf8 = new TextEncoder();

const document = (value: object): Document => {
  const bytes = utf8.encode(JSON.stringify(value));
  return { bytes, digest: digestOf(bytes), size: bytes.byteLength };
};

const descriptor = (mediaType: string, { digest, size }: Layer, more: object = {}) => ({
  ...{ mediaType, digest, size },
  ...more,
});

/** A layer of a name; nobody has its bytes. */
export const layer = (name: string, size: number): Layer => ({
  digest: digestOf(utf8.encode(`layer ${name}`)),
  size,
});

export interface Platform {
  readonly architecture: string;
  readonly os: string;
}

/** The labels that builds put. */
export const labelsOf = (title: string, created: Date): readonly (readonly [string, string])[] => [
  ['org.opencontainers.image.title', title],
  ['org.opencontainers.image.created', created.toISOString()],
  ['team', 'core'],
];

/** One image of one platform, with a history and labels such as builds leave. */
export function image(name: string, platform: Platform, layers: readonly Layer[], created: Date): Manifest {
  const config = document({
    ...platform,
    created: created.toISOString(),
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
      Entrypoint: ['/usr/bin/app'],
      WorkingDir: '/app',
      Labels: Object.fromEntries(labelsOf(name, created)),
    },
    history: layers.map(({ digest }, step) => ({
      created: created.toISOString(),
      created_by: `/bin/sh -c step ${step} of ${name} # ${digest.slice(-12)}`,
    })),
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  });
  const mediaType = MEDIA_TYPES.ociManifest;
  const manifest = document({
    schemaVersion: 2,
    mediaType,
    config: descriptor(MEDIA_TYPES.ociConfig, config),
    layers: layers.map((it) => descriptor(MEDIA_TYPES.ociLayerGzip, it)),
  });
  return { ...manifest, mediaType, config, layers };
}

/** The images of several platforms under one digest. */
export function index(
  children: readonly { readonly manifest: Manifest; readonly platform: Platform }[],
): Manifest {
  const mediaType = MEDIA_TYPES.ociIndex;
  const manifests = children.map(({ manifest, platform }) =>
    descriptor(manifest.mediaType, manifest, { platform }),
  );
  return { ...document({ schemaVersion: 2, mediaType, manifests }), mediaType, layers: [] };
}

export const EMPTY: Document = document({});

export const SBOM = 'application/spdx+json';

/** An SBOM that names what it is about (OCI 1.1). */
export function referrer(subject: Manifest, sbom: Layer): Manifest {
  const mediaType = MEDIA_TYPES.ociManifest;
  const manifest = document({
    schemaVersion: 2,
    mediaType,
    artifactType: SBOM,
    config: descriptor(MEDIA_TYPES.ociEmpty, EMPTY),
    layers: [descriptor(SBOM, sbom)],
    subject: descriptor(subject.mediaType, subject),
  });
  return { ...manifest, mediaType, config: EMPTY, layers: [sbom] };
}
