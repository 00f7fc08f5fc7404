/**
 * The live soak: a real registry, its bucket's events through the real queue to the real indexer, real pushes by
 * several clients at once, and online prunes one after the other with a grace and quarantine of seconds. At the end,
 * when all has come to rest, what the registry has acknowledged is held against what it has.
 *
 * Processes: moto (S3, EventBridge, SQS), dynalite (DynamoDB), the registry, the indexer, the prunes; clients and looks
 * at images run in the test's own.
 */
import { Random } from '../../../bench/random.ts';
import { check, type Findings } from './checks.ts';
import { Contents } from './contents.ts';
import { Figures } from './figures.ts';
import { load } from './load.ts';
import { Model } from './model.ts';
import type { SoakOptions } from './options.ts';
import { drained, pruned } from './settle.ts';
import { type Undone, undo } from './undo.ts';
import { type SoakWorld, startWorld } from './world.ts';

export interface Soak {
  readonly figures: Figures;
  readonly model: Model;
  readonly world: SoakWorld;
  readonly findings: Findings;
  /** Absent without healing, where nothing comes back. */
  readonly undone: Undone | undefined;
  readonly deadLetters: number;
}

/** Runs until all has come to rest and has been looked at. The world goes on; the caller stops it. */
export async function soak(options: SoakOptions, log: (line: string) => void): Promise<Soak> {
  const figures = new Figures();
  const broken: Error[] = [];
  const failed = () => {
    const [first] = broken;
    if (first !== undefined) throw first;
  };
  const world = await startWorld(options, figures, (error) => broken.push(error));
  try {
    const model = new Model();
    await load(options, { world, figures, model, failed, log });
    await settleTags(world, model, options.seed);
    await drained(world, failed);
    log('drained');
    await pruned(world, failed);
    log('pruned');
    await world.stopPruning();
    await drained(world, failed);
    const findings = await check(world, model);
    log('checked');
    const undone = options.healing ? await undo(world, failed) : undefined;
    const deadLetters = await world.queue.deadLetterCount();
    return { figures, model, world, findings, undone, deadLetters };
  } catch (error) {
    log(figures.text(options));
    await world.stop();
    throw error;
  }
}

/** Tags that nobody can vouch for get an image that somebody can. */
async function settleTags({ client }: SoakWorld, model: Model, seed: number): Promise<void> {
  const contents = new Contents('settled', new Random(seed));
  for (const { repo, tag } of model.unsettled) {
    const artifact = contents.image();
    for (const bytes of artifact.blobs) await client.pushBlob(repo, bytes);
    await client.putManifest(repo, tag, artifact.mediaType, artifact.bytes);
    model.acknowledge({ repo, tag, artifact, at: Date.now() });
  }
}
