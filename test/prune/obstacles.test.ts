import { describe, expect, it } from 'vitest';
import { KnownObstacles } from '../../lambdas/prune/obstacles.ts';
import { obstacleKey } from '../../lambdas/store/items.ts';
import { digestOf, layer } from '../support/images.ts';
import { World } from '../support/world.ts';

const digest = digestOf(layer('odd'));
const put = (world: World, what: string, detail: string) =>
  world.table.write([{ put: { ...obstacleKey('app', what), detail } }]);
const known = (world: World) => new KnownObstacles(world.metadata, world.clock.now);

describe('why nothing of a repository may be deleted', () => {
  it('is nothing where all could be read', async () => {
    expect(await known(new World()).of('app')).toBeUndefined();
  });

  it('is the first thing that could not be, in words, and of that repository alone', async () => {
    const world = new World();
    await put(world, `MANIFEST#${digest}`, 'its bytes are missing');
    await put(world, 'TAG#MANIFEST#v1', 'its link holds no digest');
    expect(await known(world).of('app')).toBe(`manifest ${digest}: its bytes are missing`);
    expect(await known(world).of('web')).toBeUndefined();
  });

  it('keeps what is not a kind as it is written', async () => {
    const world = new World();
    await put(world, 'TAG#ODD#v1', 'x');
    expect(await known(world).of('app')).toBe('tag ODD#v1: x');
    const other = new World();
    await put(other, 'app/ODD#v1', 'x');
    expect(await known(other).of('app')).toBe('app/ODD#v1: x');
  });

  it('is remembered for ten seconds, and not a moment longer', async () => {
    const world = new World();
    const obstacles = known(world);
    expect(await obstacles.of('app')).toBeUndefined();
    await put(world, 'TAG#v1', 'its link holds no digest');
    world.clock.advance(9_999);
    expect(await obstacles.of('app')).toBeUndefined();
    world.clock.advance(1);
    expect(await obstacles.of('app')).toBe('tag v1: its link holds no digest');
  });

  it('is known at once where the run itself came upon it', async () => {
    const obstacles = known(new World());
    expect(await obstacles.of('app')).toBeUndefined();
    obstacles.add('app', 'odd');
    expect(await obstacles.of('app')).toBe('odd');
    expect(await obstacles.of('web')).toBeUndefined();
  });
});
