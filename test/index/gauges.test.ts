import { Metrics } from '@aws-lambda-powertools/metrics';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readGauges } from '../../lambdas/index/gauges.ts';
import { observeGauges } from '../../lambdas/index/telemetry.ts';
import { METRICS, metricsOf } from '../../lambdas/metric-names.ts';
import { lastSuccessKey } from '../../lambdas/store/items.ts';
import { MINUTE } from '../support/clock.ts';
import { World } from '../support/world.ts';

const gauges = (world: World) => readGauges(world.metadata, world.clock.now());

describe('the gauges', () => {
  it('are not known before the index was built', async () => {
    const world = new World();
    expect(await gauges(world)).toEqual({ indexLag: undefined, timeSinceSuccess: undefined });
  });

  it('count from the first rebuild while no prune has succeeded', async () => {
    const world = new World();
    await world.reindex();
    world.clock.advance(10 * MINUTE);
    expect(await gauges(world)).toEqual({ indexLag: 600, timeSinceSuccess: 600 });
  });

  it('count from the last prune that succeeded, and neither a refused nor a dry one is one', async () => {
    const world = new World();
    await world.reindex();
    world.clock.advance(MINUTE);
    await world.prune();
    world.clock.advance(MINUTE);
    await world.prune({ dryRun: true });
    expect(await world.prune({}, { deadLetters: async () => 1 })).toMatchObject({ status: 'refused' });
    expect(await gauges(world)).toEqual({ indexLag: 120, timeSinceSuccess: 60 });
    expect(await world.table.get(lastSuccessKey)).toMatchObject({ version: 1 });
    await world.prune();
    expect(await gauges(world)).toEqual({ indexLag: 120, timeSinceSuccess: 0 });
  });
});

describe('published', () => {
  afterEach(() => vi.restoreAllMocks());

  function published(...observed: Parameters<typeof observeGauges>[0][]): Record<string, unknown>[] {
    const lines: Record<string, unknown>[] = [];
    vi.spyOn(console, 'log').mockImplementation((line) => {
      lines.push(JSON.parse(String(line)));
    });
    vi.spyOn(process.stdout, 'write').mockImplementation((line) => {
      lines.push(JSON.parse(String(line)));
      return true;
    });
    for (const one of observed) observeGauges(one, new Metrics(metricsOf('heartbeat', 'my-registry')));
    vi.restoreAllMocks();
    return lines;
  }

  it('are those that are known, of the registry', () => {
    const [line, ...others] = published({ indexLag: 5, timeSinceSuccess: 7 });
    expect(others).toEqual([]);
    expect(line).toMatchObject({ IndexLag: 5, TimeSinceSuccess: 7, Bucket: 'my-registry' });
    const names = Object(line)['_aws'].CloudWatchMetrics[0].Metrics.map(({ Name }: { Name: string }) => Name);
    expect(names.sort()).toEqual([...METRICS.heartbeat].sort());
  });

  it('is nothing that is not known, so that its alarm sees that it is missing', () => {
    expect(published({ indexLag: undefined, timeSinceSuccess: undefined })).toEqual([]);
    const [line] = published({ indexLag: undefined, timeSinceSuccess: 7 });
    expect(line).not.toHaveProperty('IndexLag');
  });
});
