/**
 * The searches by themselves: `node test/protocol/main.ts [mutants] [part of a name…]`, with the seconds for each in
 * PROTOCOL_SECONDS.
 */
import pMap from 'p-map';
import { hunt, run, TIME } from './jobs.ts';
import { MUTANTS } from './mutants/all.ts';
import { worlds } from './worlds.ts';

const [first, ...rest] = process.argv.slice(2);
const asked = first === undefined || first === 'mutants' ? rest : [first, ...rest];
const isAsked = (name: string): boolean => asked.length === 0 || asked.some((part) => name.includes(part));

if (first === 'mutants') {
  await pMap(
    MUTANTS.filter(({ name }) => isAsked(name)),
    async (mutant) => {
      const { caught, outcomes } = await hunt(mutant);
      if (caught === undefined) {
        console.log(`LIVES ${mutant.name}`);
        for (const { world, figures } of outcomes) console.log(`  ${world} ${JSON.stringify(figures)}`);
      } else console.log(`${mutant.name}: caught by ${caught.world}\n${caught.schedule}`);
    },
    { concurrency: 2 },
  );
} else {
  const names = [...worlds.keys()].filter(isAsked);
  await pMap(
    names,
    async (world) => {
      const { figures, schedule } = await run({ world, time: TIME });
      console.log(world, JSON.stringify(figures));
      if (schedule !== undefined) console.log(schedule);
    },
    { concurrency: 2 },
  );
}
