import { tests } from './vitest.ts';

export default tests('test/registry/**/*.test.ts');
