/** Worlds too large to see all of: random schedules go through them. Every event may come at any moment. */
import { DAY, HOUR, MINUTE } from '../support/clock.ts';
import {
  condemnedLayer,
  L,
  list,
  names,
  one,
  other,
  pushed,
  SIGNATURE,
  sbom,
  signed,
  untagged,
} from './contents.ts';
import type { WorldDefinition } from './simulation.ts';

const EVERY = /./;
const untagging = { filters: { dangling: ['false'], until: ['1h'] }, confirm: 100 };

export const large: readonly WorldDefinition[] = [
  {
    name: 'two clients and two runs beside a sweep',
    about: 'pushes of shared content to two repositories',
    names,
    start: condemnedLayer,
    clients: {
      'client one': (client) => client.push('app', one, 'v1'),
      'client two': (client) => client.pushMounting('app', 'team', one, 'v1'),
    },
    runs: [{ mayCrash: true }, {}],
    crashes: 1,
    events: EVERY,
    twice: /current|revisions/,
    tags: { 'app:v1': one.digest, 'team:v1': one.digest },
  },
  {
    name: 'retagging, deleting and pushing anew beside runs',
    about: 'what is deleted comes back by tag, index and push',
    names,
    start: untagged,
    clients: {
      'client one': async (client) => {
        await client.tag('app', one.digest, 'v2');
        await client.tag('app', other.digest, 'v2');
        await client.push('app', one, 'v1');
      },
      'client two': async (client) => {
        await client.deleteTag('app', 'v0');
        await client.push('app', list, 'v3');
      },
    },
    runs: [{ mayCrash: true }, { mayCrash: true }],
    crashes: 2,
    events: EVERY,
    twice: /current|revisions/,
    indexerMayCrash: true,
    tags: { 'app:v1': one.digest, 'app:v2': other.digest, 'app:v3': list.digest },
  },
  {
    name: 'an image with referrers, removed by filter and wanted again',
    about: 'a subject, its SBOM and signature go with their tags while the image is tagged anew',
    names,
    start: pushed(async ({ registry }) => {
      await registry.push('app', one, 'v1');
      await registry.push('app', sbom);
      await registry.push('app', signed, SIGNATURE);
      await registry.upload('app', L);
    }),
    clients: {
      'client one': (client) => client.push('app', one, 'v2'),
      'client two': (client) => client.push('app', other, 'v1'),
    },
    runs: [{ body: untagging, mayCrash: true }, {}],
    crashes: 1,
    events: EVERY,
    tags: { 'app:v2': one.digest, 'app:v1': other.digest },
  },
  {
    name: 'time goes by',
    about: 'lease, grace and quarantine end at any moment',
    names,
    start: condemnedLayer,
    clients: { 'client one': (client) => client.push('app', one, 'v1') },
    runs: [{ mayCrash: true }, {}, {}],
    crashes: 1,
    clock: [11 * MINUTE, 16 * MINUTE, DAY + HOUR],
    events: EVERY,
    tags: { 'app:v1': one.digest },
  },
];
