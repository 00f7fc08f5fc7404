/** Small worlds in which manifests go: what holds them, what they need, and who else wants them. */
import {
  list,
  one,
  oneOfTwins,
  other,
  pushed,
  SIGNATURE,
  sbom,
  signed,
  twin,
  untagged,
  untagging,
} from './contents.ts';
import type { WorldDefinition } from './simulation.ts';
import { world } from './sketch.ts';

export const MANIFESTS: readonly WorldDefinition[] = [
  ...world(
    {
      name: 'tag beside deletion',
      about: 'an untagged image is tagged anew while a run deletes it',
      start: untagged,
      clients: { client: (client) => client.tag('app', one.digest, 'v2') },
      runs: [{}],
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'retag beside deletion',
      about: 'a tag comes back to the image that it had left, while a run deletes it',
      start: untagged,
      clients: { client: (client) => client.tag('app', one.digest, 'v1') },
      runs: [{}],
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'push anew beside deletion',
      about: 'an untagged image is pushed again, whole, while a run deletes it',
      start: untagged,
      clients: { client: (client) => client.push('app', one, 'v2') },
      runs: [{}],
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    ...(['none', 'of manifests', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'the last two of a layer',
      about: 'a client deletes one of the two images that need a layer, while a run deletes the other',
      start: oneOfTwins,
      clients: { client: (client) => client.deleteManifest('app', twin.digest) },
      runs: [{}],
      tags: {},
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'both of a layer',
      about: 'clients delete both images that need a layer, which nothing has queued',
      start: oneOfTwins,
      clients: {
        client: (client) => client.deleteManifest('app', one.digest),
        'client 2': (client) => client.deleteManifest('app', twin.digest),
      },
      runs: [],
      tags: {},
    },
    'of manifests',
  ),
  ...world(
    {
      name: 'twin pushed beside deletion',
      about: 'an image is pushed that needs the layer of the one that a run deletes',
      start: pushed(({ registry }) => registry.push('app', one)),
      clients: { client: (client) => client.push('app', twin, 'v2') },
      runs: [{}],
      tags: { 'app:v2': twin.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'delete beside deletion',
      about: 'a client deletes by digest what a run deletes',
      start: untagged,
      clients: { client: (client) => client.deleteManifest('app', one.digest) },
      runs: [{}],
      tags: { 'app:v1': other.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'untag while deleting by filter',
      about: 'a tag moves away while a run deletes the image with its tag',
      start: pushed(({ registry }) => registry.push('app', one, 'v1')),
      clients: { client: (client) => client.push('app', other, 'v1') },
      runs: [{ body: untagging }],
      tags: { 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'tag away and back',
      about: 'a tag goes and comes back, with equal bytes, while a run deletes the image with its tag',
      start: pushed(({ registry }) => registry.push('app', one, 'v1')),
      clients: {
        client: async (client) => {
          await client.deleteTag('app', 'v1');
          await client.tag('app', one.digest, 'v1');
        },
      },
      runs: [{ body: untagging, mayCrash: true }],
      crashes: 1,
      tags: { 'app:v1': one.digest },
    },
    'none',
  ),
  ...world(
    {
      name: 'index tagged beside deletion',
      about: 'an untagged index with a child is tagged while a run deletes them',
      start: pushed(async ({ registry }) => {
        await registry.push('app', one);
        await registry.push('app', list);
      }),
      clients: { client: (client) => client.push('app', list, 'v2') },
      runs: [{}],
      tags: { 'app:v2': list.digest },
    },
    ...(['none', 'of manifests', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'index pushed over a rested child',
      about: 'an index is pushed that lists an untagged image, while a run deletes it',
      start: untagged,
      clients: { client: (client) => client.push('app', list, 'v2') },
      runs: [{}],
      // A registry accepts an index whose child is being deleted; then the event brings the child back.
      tags: { 'app:v2': list.digest },
    },
    ...(['none', 'of manifests', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'subject with referrer tagged',
      about: 'an untagged image with an SBOM and a signature is tagged while a run deletes all three',
      start: pushed(async ({ registry }) => {
        await registry.push('app', one);
        await registry.push('app', sbom);
        await registry.push('app', signed, SIGNATURE);
      }),
      clients: { client: (client) => client.tag('app', one.digest, 'v2') },
      runs: [{}],
      tags: { 'app:v2': one.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
];
