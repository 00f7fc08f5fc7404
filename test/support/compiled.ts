/** What Node has compiled of the command line, kept for its next start: of many short runs that is half of the time. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** For the environment of a process. One that is killed leaves nothing there: it is written at a clean end, file by file. */
export const COMPILED = { NODE_COMPILE_CACHE: join(tmpdir(), 'registry-prune-compiled') } as const;
