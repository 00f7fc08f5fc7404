/** The names of all repositories, divided into parts. */
import pMap from 'p-map';
import { descend } from '../index/listing.ts';
import { Divider } from './divide.ts';
import type { Work } from './job.ts';
import { partOfRepository } from './parts.ts';

/** Directories listed side by side. */
const CONCURRENCY = 16;

export const namesOf = (part: string): string => `names/${part}`;

/** Descends from where the slice before has stopped: at a file of the directories that were still to be listed. */
export const divideNames: Work = async ({ context, files, slice, cursor, isOver }) => {
  const { bucket } = context;
  const divider = new Divider(files, slice);
  let open = typeof cursor === 'string' ? await files.lines(cursor) : [bucket.layout.repositoriesPrefix];
  do {
    const found = await pMap(open.splice(-CONCURRENCY), (prefix) => descend(bucket, prefix), {
      concurrency: CONCURRENCY,
    });
    for (const { name, below } of found) {
      if (name !== undefined) await divider.add(namesOf(partOfRepository(name)), JSON.stringify(name));
      open = open.concat(below);
    }
  } while (open.length > 0 && !isOver());
  await divider.flush();
  if (open.length === 0) return undefined;
  const rest = `open/${slice}`;
  await files.putLines(rest, open);
  return rest;
};
