/** Small worlds: what is there, who does what, and what must be there in the end. */
import { holdManifest } from '../../lambdas/store/hold.ts';
import { holderKey } from '../../lambdas/store/items.ts';
import { DAY, MINUTE } from '../support/clock.ts';
import { digestOf } from '../support/images.ts';
import { dataKey, historyKey, layerKey, revisionKey, tagLinkKey } from '../support/registry-writer.ts';
import { condemnedLayer, L, list, one, other, pushed, rest, sbom, untagged } from './contents.ts';
import { DISTRIBUTED } from './distributed.ts';
import { MANIFESTS } from './manifests.ts';
import { OPERATED } from './operated.ts';
import type { WorldDefinition } from './simulation.ts';
import { world } from './sketch.ts';
import { TINY } from './tiny.ts';

const PUSHES: readonly WorldDefinition[] = [
  ...world(
    {
      name: 'push beside sweep',
      about: 'an image is pushed whose layer is condemned and due, while a run sweeps it',
      start: condemnedLayer,
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of links', 'of manifests', 'of tags', 'of data'] as const),
  ),
  ...world(
    {
      name: 'push elsewhere beside sweep',
      about: 'an image is pushed to another repository than the one that its layer, condemned and due, is of',
      start: condemnedLayer,
      clients: { client: (client) => client.push('team', one, 'v1') },
      runs: [{}],
      tags: { 'team:v1': one.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'push beside unlinking',
      about: 'an image is pushed whose layer has only a stale link, while a run unlinks and condemns it',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of links', 'of manifests', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'upload beside unlinking',
      about: 'a layer is uploaded again, its link written anew, while a run unlinks and condemns it',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.upload('app', L) },
      runs: [{}],
      tags: {},
    },
    ...(['none', 'of links'] as const),
  ),
  ...world(
    {
      name: 'mount beside unlinking',
      about: 'a layer is mounted from a repository whose link of it is stale',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.pushMounting('app', 'team', one, 'v1') },
      runs: [{}],
      tags: { 'team:v1': one.digest },
    },
    ...(['none', 'of links', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'blob of two repositories',
      about:
        'an image is pushed where the link of its layer is stale, while another repository needs the layer',
      start: pushed(async ({ registry }) => {
        await registry.push('team', one, 'v1');
        await registry.upload('app', L);
      }),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      tags: { 'app:v1': one.digest, 'team:v1': one.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
];

const HARDER: readonly WorldDefinition[] = [
  ...world({
    name: 'nobody but a run',
    about: 'garbage of several kinds, and nobody who wants it',
    start: pushed(async ({ registry }) => {
      await registry.upload('app', L);
      await registry.push('team', one);
      await registry.push('team', list);
      await registry.push('team', sbom);
    }),
    runs: [{}],
    tags: {},
  }),
  ...world({
    name: 'late event, without versions',
    about: 'an image was pushed whose layer is condemned and due, and its events are late',
    start: async (world) => {
      await condemnedLayer(world);
      await world.registry.push('app', one, 'v1');
    },
    runs: [{}],
    unversioned: true,
    late: [
      ...[L, ...one.blobs].map((bytes) => layerKey('app', digestOf(bytes))),
      ...[revisionKey('app', one.digest), tagLinkKey('app', 'v1')],
    ],
    tags: { 'app:v1': one.digest },
  }),
  ...world({
    name: 'link without an event',
    about: 'a link to a layer that is condemned and due was written, and its event is lost',
    start: async (world) => {
      await condemnedLayer(world);
      await world.registry.upload('app', L);
    },
    runs: [{}],
    tags: {},
  }),
  ...world(
    {
      name: 'deleted and pushed anew beside deletion',
      about: 'a client deletes by digest what a run deletes, and pushes it again',
      start: untagged,
      clients: {
        client: async (client) => {
          await client.deleteManifest('app', one.digest);
          await client.push('app', one, 'v2');
        },
      },
      runs: [{}],
      tags: { 'app:v2': one.digest, 'app:v1': other.digest },
    },
    'of manifests',
  ),
  ...world(
    {
      name: 'slow indexer',
      about: 'the grace goes by between any two steps of the indexer, beside a run',
      start: pushed(({ registry }) => registry.push('team', one)),
      clients: { client: (client) => client.putAnyhow('app', one) },
      runs: [{}],
      clock: [2 * DAY],
      tags: {},
    },
    'of manifests',
  ),
  ...world({
    name: 'push beside unlinking, without versions',
    about: 'an image is pushed whose layer has only a stale link; what a run deletes is gone for good',
    start: pushed(({ registry }) => registry.upload('app', L)),
    clients: { client: (client) => client.push('app', one, 'v1') },
    runs: [{}],
    unversioned: true,
    tags: { 'app:v1': one.digest },
  }),
  ...world({
    name: 'refused deletion',
    about: 'S3 does not delete the data of a blob that is swept',
    start: condemnedLayer,
    runs: [{}],
    refused: [dataKey(digestOf(L))],
    tags: {},
  }),
  ...world(
    {
      name: 'upload without an end',
      about: 'the data of a blob is there and its link never comes',
      start: pushed(({ registry }) => registry.push('app', other, 'v1')),
      clients: { client: (client) => client.data(L) },
      runs: [],
      tags: { 'app:v1': other.digest },
    },
    'of data',
  ),
];

const SLOW: readonly WorldDefinition[] = [
  ...world(
    {
      name: 'slow indexer of an index',
      about:
        'the grace goes by while the indexer looks at an index that lists an untagged image, beside a run',
      start: untagged,
      clients: { client: (client) => client.push('app', list, 'v2') },
      runs: [{}],
      clock: [2 * DAY],
      tags: { 'app:v2': list.digest },
    },
    'of manifests',
  ),
  ...world(
    {
      name: 'untag beside a run',
      about: 'a tag moves away from an image that is just found to be held',
      start: pushed(({ registry }) => registry.push('app', one, 'v1')),
      clients: { client: (client) => client.push('app', other, 'v1') },
      runs: [{}],
      tags: { 'app:v1': other.digest },
    },
    ...(['none', 'of tags'] as const),
  ),
  ...world(
    {
      name: 'tagged for a moment beside a run',
      about: 'the indexer dies of a tag before it has written its item, and the tag goes again, beside a run',
      start: async (world) => {
        await pushed(({ registry }) => registry.push('app', one))(world);
        world.registry.tag('app', one.digest, 'v2');
      },
      clients: { client: (client) => client.deleteTag('app', 'v2') },
      runs: [{}],
      others: {
        'index v2': async ({ context }) => {
          const since = context.now();
          const edge = { ...holderKey('app', one.digest, { kind: 'tag', tag: 'v2' }), since };
          await context.metadata.table.write([{ put: edge }]);
          await holdManifest(context, 'app', one.digest, { at: since, grace: context.grace });
        },
      },
      late: [tagLinkKey('app', 'v2'), historyKey('app', 'v2', one.digest)],
      tags: {},
    },
    'of tags',
  ),
  ...world(
    {
      name: 'pushed again and deleted again',
      about: 'what a client had deleted is pushed and deleted once more, while its events come in any order',
      start: async (world) => {
        await pushed(({ registry }) => registry.push('app', one))(world);
        await world.registry.deleteManifest('app', one.digest);
        await rest(world);
      },
      clients: {
        client: async (client) => {
          await client.push('app', one);
          await client.deleteManifest('app', one.digest);
        },
      },
      runs: [],
      tags: {},
    },
    'of manifests',
  ),
  ...world(
    {
      name: 'data of a deleted blob',
      about: 'the data of a blob that a run has deleted is uploaded again, and its link never comes',
      start: async (world) => {
        await condemnedLayer(world);
        await world.prune();
        await rest(world);
      },
      clients: { client: (client) => client.data(L) },
      runs: [],
      tags: {},
    },
    'of data',
  ),
];

const CRASHES: readonly WorldDefinition[] = [
  ...world({
    name: 'crash of a lone sweep',
    about: 'a run is killed between any two steps; the next one finishes',
    start: condemnedLayer,
    runs: [{ mayCrash: true }],
    crashes: 1,
    tags: {},
  }),
  ...world({
    name: 'crash of a sweep',
    about: 'a run is killed between any two steps, while an image is pushed that needs what it sweeps',
    start: condemnedLayer,
    clients: { client: (client) => client.push('app', one, 'v1') },
    runs: [{ mayCrash: true }],
    crashes: 1,
    tags: { 'app:v1': one.digest },
  }),
  ...world({
    name: 'crash of a deletion',
    about: 'a run is killed between any two steps, while what it deletes is tagged',
    start: untagged,
    clients: { client: (client) => client.tag('app', one.digest, 'v2') },
    runs: [{ mayCrash: true }],
    crashes: 1,
    tags: { 'app:v2': one.digest, 'app:v1': other.digest },
  }),
  ...world(
    {
      name: 'crash of an unlinking',
      about: 'a run is killed between any two steps, while an image is pushed that needs the link',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{ mayCrash: true }],
      crashes: 1,
      tags: { 'app:v1': one.digest },
    },
    ...(['none', 'of manifests'] as const),
  ),
  ...world(
    {
      name: 'crash of the indexer',
      about: 'the indexer is killed between any two steps while a run unlinks; the event comes again',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: { client: (client) => client.push('app', one, 'v1') },
      runs: [{}],
      indexerMayCrash: true,
      crashes: 1,
      tags: { 'app:v1': one.digest },
    },
    'of manifests',
  ),
];

const LOCKS: readonly WorldDefinition[] = [
  ...world({
    name: 'two runs',
    about: 'two runs at once: one is refused or comes after the other',
    start: condemnedLayer,
    runs: [{}, {}],
    tags: {},
  }),
  ...world({
    name: 'two runs, one killed',
    about: 'a run is killed while another wants the lock',
    start: condemnedLayer,
    runs: [{ mayCrash: true }, {}],
    crashes: 1,
    clock: [30 * MINUTE],
    tags: {},
  }),
  ...world({
    name: 'stale runner',
    about: 'a run stands still until its lease is over, another begins, and the first goes on',
    start: condemnedLayer,
    runs: [{}, {}],
    clock: [10.5 * MINUTE, 14.6 * MINUTE],
    tags: {},
  }),
  ...world({
    name: 'deletion under way',
    about: 'a deletion that was signed in time arrives when the lease would be over, but for the skew',
    start: condemnedLayer,
    runs: [{}, {}],
    clock: [9 * MINUTE, 3 * MINUTE],
    tags: {},
  }),
];

const EVENTS_ONLY: readonly WorldDefinition[] = [
  ...[
    { name: 'tag moved twice', second: other.digest, tags: { 'app:v1': other.digest } },
    { name: 'tag moved and moved back', second: one.digest, tags: { 'app:v1': one.digest } },
  ].flatMap(({ name, second, tags }) =>
    world(
      {
        name,
        about: 'events of a tag come in any order, each twice',
        twice: /current/,
        start: pushed(async ({ registry }) => {
          await registry.push('app', one, 'v0');
          await registry.push('app', other, 'v1');
        }),
        clients: {
          client: async (client) => {
            await client.tag('app', one.digest, 'v1');
            await client.tag('app', second, 'v1');
            await client.deleteTag('app', 'v0');
          },
        },
        runs: [],
        tags,
      },
      'of tags',
    ),
  ),
  ...world(
    {
      name: 'tag moved and moved on',
      about: 'a tag rests for a moment on an image that goes then, and the indexer dies of it',
      start: pushed(async ({ registry }) => {
        await registry.push('app', one);
        await registry.push('app', other, 'v1');
      }),
      clients: {
        client: async (client) => {
          await client.tag('app', one.digest, 'v1');
          await client.tag('app', other.digest, 'v1');
        },
      },
      runs: [],
      indexerMayCrash: true,
      crashes: 1,
      tags: { 'app:v1': other.digest },
    },
    'of tags',
  ),
  ...world(
    {
      name: 'put and deleted',
      about: 'a manifest is pushed and deleted by digest while its events come in any order',
      start: pushed(({ registry }) => registry.upload('app', L)),
      clients: {
        client: async (client) => {
          await client.push('app', one, 'v1');
          await client.deleteManifest('app', one.digest);
        },
      },
      runs: [],
      tags: {},
    },
    'of manifests and tags',
  ),
];

const ALL = [
  ...PUSHES,
  ...MANIFESTS,
  ...HARDER,
  ...SLOW,
  ...CRASHES,
  ...LOCKS,
  ...EVENTS_ONLY,
  ...OPERATED,
  ...DISTRIBUTED,
  ...TINY,
];

export const worlds: ReadonlyMap<string, WorldDefinition> = new Map(ALL.map((one) => [one.name, one]));
