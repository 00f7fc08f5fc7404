import { BLOB } from './blob.ts';
import { INDEXER } from './indexer.ts';
import { LOCK } from './lock.ts';
import { MANIFEST } from './manifest.ts';
import type { Mutant } from './mutant.ts';

export const MUTANTS: readonly Mutant[] = [...INDEXER, ...MANIFEST, ...BLOB, ...LOCK];
