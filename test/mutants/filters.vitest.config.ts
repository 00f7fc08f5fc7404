import { tests } from './vitest.ts';

export default tests('test/filters/**/*.test.ts');
