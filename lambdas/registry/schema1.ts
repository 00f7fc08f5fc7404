import { type ImageConfig, parseEmbeddedConfig } from './config.ts';
import { arrayAt, type Descriptor, objectAt, optional, readString } from './descriptor.ts';
import { isDigest } from './digest.ts';
import { ConfigError, ManifestError, shown } from './errors.ts';
import type { JsonObject } from './json.ts';
import { MEDIA_TYPES } from './media-types.ts';

/** What a schema 1 manifest has in place of a config and layers. */
export interface Schema1 {
  /** As written, newest first; the same empty layer is usually there many times. */
  readonly layers: Descriptor[];
  /** The newest layer's configuration; not there when it cannot be read, as with any other unreadable config. */
  readonly embedded?: ImageConfig;
}

/**
 * Reads Docker's image manifest version 2, schema 1: layers under `fsLayers[].blobSum`, and the configuration as
 * a string in `history[0].v1Compatibility`.
 *
 * @throws ManifestError when the layers or the history are malformed
 */
export function readSchema1(fields: JsonObject): Schema1 {
  if (!Array.isArray(fields['fsLayers'])) throw new ManifestError('fsLayers is not a list');
  return {
    layers: fields['fsLayers'].map((layer, i) => readLayer(layer, `fsLayers[${i}]`)),
    ...optional('embedded', readNewest(fields['history'])),
  };
}

/**
 * The media type of a schema 1 manifest that does not name it. distribution stores the payload without its
 * signatures, so the signed form is rare in a bucket.
 */
export function schema1MediaType(fields: JsonObject): string {
  return 'signatures' in fields ? MEDIA_TYPES.dockerSchema1Signed : MEDIA_TYPES.dockerSchema1;
}

function readLayer(value: unknown, where: string): Descriptor {
  const { blobSum } = objectAt(value, where);
  if (!isDigest(blobSum)) throw new ManifestError(`${where}.blobSum is no digest: ${shown(blobSum)}`);
  return { digest: blobSum, mediaType: MEDIA_TYPES.dockerLayer };
}

function readNewest(history: unknown): ImageConfig | undefined {
  const newest = arrayAt(history, 'history')[0];
  if (newest === undefined) return undefined;
  const text = readString(objectAt(newest, 'history[0]')['v1Compatibility'], 'history[0].v1Compatibility');
  try {
    return text === undefined ? undefined : parseEmbeddedConfig(text);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
