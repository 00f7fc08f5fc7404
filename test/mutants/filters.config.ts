import { options } from './options.ts';

export default options('filters', ['lambdas/filters/**/*.ts'], 90);
