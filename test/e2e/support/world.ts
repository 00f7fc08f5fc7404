import * as v from 'valibot';
import { createBucket } from './bucket.ts';
import { type Bus, createBus } from './bus.ts';
import { type CliResult, cliEnvironment, runCli } from './cli.ts';
import { type RegistryClient, registryClient } from './client.ts';
import { buildScenario, type Scenario } from './scenario.ts';
import { type Service, startMoto, startRegistry } from './services.ts';

export interface WorldOptions {
  readonly name: string;
  readonly versioned: boolean;
  readonly rootDirectory?: string;
  readonly grace?: string;
  readonly quarantine?: string;
}

export interface World {
  readonly endpoint: string;
  readonly bucket: string;
  readonly table: string;
  readonly scenario: Scenario;
  readonly bus: Bus;
  /** Of the registry that runs now. */
  readonly client: () => RegistryClient;
  readonly cli: (...args: string[]) => Promise<CliResult>;
  /** Stops the registry and starts it so that it refuses pushes, as an operator does before `--mode offline`. */
  readonly makeReadOnly: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

export type Report = v.InferOutput<typeof Report>;

export const JOURNAL_PREFIX = 'registry-prune/journal/';
export const HEARTBEAT_PREFIX = 'registry-prune/heartbeat/';

const Report = v.looseObject({
  runId: v.string(),
  status: v.string(),
  dryRun: v.boolean(),
  mode: v.string(),
  imagesDeleted: v.array(v.record(v.string(), v.string())),
  spaceReclaimed: v.number(),
  manifests: v.looseObject({ deleted: v.number() }),
  blobs: v.looseObject({ deleted: v.number(), condemned: v.number(), failed: v.number() }),
  links: v.looseObject({ deleted: v.number() }),
  uploads: v.object({ deleted: v.number(), bytes: v.number() }),
  refusals: v.array(v.unknown()),
});

/** A registry on an emulated AWS with the scenario in it, and the product's metadata of it complete. */
export async function createWorld(options: WorldOptions): Promise<World> {
  const { name, versioned, rootDirectory, ...periods } = options;
  const running: Service[] = [];
  const stop = async () => {
    for (const service of running.splice(0).reverse()) await service.stop();
  };
  try {
    const moto = await startMoto();
    running.push(moto);
    const endpoint = moto.url;
    const bucket = `registry-${name}`;
    const table = `table-${name}`;
    await createBucket(endpoint, bucket, { versioned });
    const bus = await createBus(endpoint, `bus-${name}`);

    const start = async (readOnly: boolean) => {
      const place = rootDirectory === undefined ? {} : { rootDirectory };
      const registry = await startRegistry({ s3Endpoint: endpoint, bucket, readOnly, ...place });
      running.push(registry);
      return registryClient(registry.url);
    };
    let client = await start(false);

    const environment = cliEnvironment({
      endpoint,
      table,
      bucket,
      bus: bus.name,
      journalPrefix: JOURNAL_PREFIX,
      ...(rootDirectory === undefined ? {} : { root: rootDirectory }),
      ...periods,
    });
    const cli = (...args: string[]) => runCli(args, environment);
    succeeded(await cli('init'));
    // Seen once before the deletions, so that the metadata knows what existed and is gone.
    const scenario = await buildScenario(client.url, client, {
      beforeRemovals: async () => {
        succeeded(await cli('reindex'));
      },
    });
    succeeded(await cli('reindex'));

    const makeReadOnly = async () => {
      await running.pop()?.stop();
      client = await start(true);
    };
    return { endpoint, bucket, table, scenario, bus, client: () => client, cli, makeReadOnly, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The report on standard output of a command that was to end well. */
export function reportOf(result: CliResult): Report {
  return v.parse(Report, JSON.parse(succeeded(result).stdout));
}

export function succeeded(result: CliResult): CliResult {
  if (result.code !== 0) {
    throw new Error(`the command line ended with code ${result.code}\n${result.stdout}${result.stderr}`);
  }
  return result;
}
