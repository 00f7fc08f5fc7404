import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../lambdas/plan/document.ts';
import { diff, type Snapshot, snapshotBucket } from './support/bucket.ts';
import { sha256 } from './support/client.ts';
import { image, layer, pushArtifact } from './support/images.ts';
import { createWorld, reportOf, succeeded, type World } from './support/world.ts';

const BLOB = /^docker\/registry\/v2\/blobs\/sha256\/..\/([0-9a-f]{64})\/data$/;

/** A plan of the real registry's garbage, pushes by a real client since, and what is left in the bucket. */
describe('a plan of a real registry', () => {
  let world: World;
  let folder: string;
  let plan: Plan;
  const again = image({ layers: [layer('again')] });
  const file = () => join(folder, 'plan.json');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plan-'));
    world = await createWorld({ name: 'plan', versioned: true, grace: '0s', quarantine: '0s' });
    const client = world.client();
    // Loses its tag, so it is garbage; and is pushed once more when it has been planned.
    await pushArtifact(client, 'plans/app', again, 'v1');
    await pushArtifact(client, 'plans/app', image({ layers: [layer('other')] }), 'v1');
    succeeded(await world.cli('reindex'));
  });

  afterAll(async () => {
    await world?.stop();
    await rm(folder, { recursive: true });
  });

  const snapshot = (): Promise<Snapshot> => snapshotBucket(world.endpoint, world.bucket, 'docker/');

  it('is made without a trace', async () => {
    const before = await snapshot();
    const answer = JSON.parse(succeeded(await world.cli('plan', '-o', file(), '--json')).stdout);
    plan = JSON.parse(await readFile(file(), 'utf8'));
    expect(answer).toMatchObject({ hash: plan.hash, totals: plan.totals });
    expect(plan.manifests.map(({ digest }) => digest)).toContain(again.digest);
    expect(plan.totals.blobs).toBeGreaterThan(3);
    const { added, removed, changed } = diff(before, await snapshot());
    expect([added.size, removed.size, changed.size]).toEqual([0, 0, 0]);
  });

  it('says why: a tag holds the one, nothing the other', async () => {
    const kept = succeeded(await world.cli('why', 'plans/app:v1')).stdout;
    expect(kept).toMatch(/kept \(tag\): tag plans\/app:v1 holds it/);
    const due = JSON.parse(succeeded(await world.cli('why', `plans/app@${again.digest}`, '--json')).stdout);
    expect(due.manifests).toMatchObject([{ verdict: 'due', because: 'garbage' }]);
  });

  it('is refused when it was edited', async () => {
    const edited = join(folder, 'edited.json');
    await writeFile(edited, (await readFile(file(), 'utf8')).replace('"plans/app"', '"plans/web"'));
    const before = await snapshot();
    const { code, stderr } = await world.cli('apply', edited, '--yes');
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('the plan was edited') });
    expect(diff(before, await snapshot()).removed.size).toBe(0);
  });

  it('takes what it names but for what a client has pushed since, and reclaims those bytes', async () => {
    await pushArtifact(world.client(), 'plans/app', again, 'v2');
    succeeded(await world.cli('reindex'));
    const before = await snapshot();
    const planned = new Map(plan.blobs.map(({ digest, size }) => [digest.slice('sha256:'.length), size]));
    let reclaimed = 0;
    let report = reportOf(await world.cli('apply', file(), '--yes', '--json'));
    for (let round = 0; ; round++) {
      reclaimed += report.spaceReclaimed;
      if (Object(report)['plan'].nextAt === null) break;
      expect(round).toBeLessThan(10);
      report = reportOf(await world.cli('apply', file(), '--yes', '--json'));
    }
    const { removed } = diff(before, await snapshot());
    const gone = new Map(
      [...removed].flatMap(([key, size]): [string, number][] => {
        const hex = BLOB.exec(key)?.[1];
        return hex === undefined ? [] : [[hex, size]];
      }),
    );
    expect([...gone.keys()].filter((hex) => !planned.has(hex))).toEqual([]);
    expect([...gone.values()].reduce((sum, size) => sum + size, 0)).toBe(reclaimed);
    const kept = new Set([again.digest, ...again.blobs.map(sha256)]);
    expect(new Set([...planned.keys()].filter((hex) => !gone.has(hex)))).toEqual(
      new Set([...kept].map((digest) => digest.slice('sha256:'.length))),
    );
    const { dropped } = Object(report)['plan'];
    expect(dropped).toContainEqual(
      expect.objectContaining({ what: `plans/app@${again.digest}`, code: 'changed' }),
    );
    const pulled = await world.client().getManifest('plans/app', 'v2');
    expect(pulled.digest).toBe(again.digest);
  });
});
