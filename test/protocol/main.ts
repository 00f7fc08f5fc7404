/** The search by itself: `node test/protocol/main.ts [world…]`, with the seconds for each in PROTOCOL_SECONDS. */
import { explore } from './explore.ts';
import { printed } from './print.ts';
import { worlds } from './worlds.ts';

const time = Number(process.env['PROTOCOL_SECONDS'] ?? '60') * 1000;
const asked = process.argv.slice(2);
for (const world of worlds.values()) {
  if (asked.length > 0 && !asked.some((part) => world.name.includes(part))) continue;
  const began = Date.now();
  const { violation, ...figures } = await explore(world, { time });
  console.log(world.name, JSON.stringify(figures), `${Date.now() - began} ms`);
  if (violation !== undefined) console.log(printed(violation));
}
