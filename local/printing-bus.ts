import type { BusEvent } from '../lambdas/store/event-bus.ts';
import { MemoryBus } from './memory-bus.ts';

const WIDTH = 100;

/**
 * A bus that prints what is published, and keeps it.
 * @example const bus = new PrintingBus((text) => process.stdout.write(text));
 */
export class PrintingBus extends MemoryBus {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    super();
    this.#write = write;
  }

  override async publish(event: BusEvent): Promise<void> {
    await super.publish(event);
    this.#write(`source ${event.source}, detail-type ${event.detailType}\n${compact(event.detail)}\n`);
  }
}

/** JSON, as many members on a line as fit. */
function compact(detail: object): string {
  const members = Object.entries(JSON.parse(JSON.stringify(detail))).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  const lines: string[] = [];
  for (const member of members) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + member.length + 2 <= WIDTH)
      lines.push(`${lines.pop()}, ${member}`);
    else lines.push(member);
  }
  return `{ ${lines.join(',\n  ')} }`;
}
