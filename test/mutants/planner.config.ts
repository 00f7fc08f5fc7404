import { options } from './options.ts';

const planner = ['plan-manifest', 'plan-blob', 'look-again', 'obstacles'];

export default options(
  'planner',
  [...planner.map((name) => `lambdas/prune/${name}.ts`), 'lambdas/plan/plan-limit.ts'],
  94,
);
