import { options } from './options.ts';

export default options('registry', ['lambdas/registry/**/*.ts'], 95);
