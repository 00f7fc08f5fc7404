import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { RegistryPruneStack, type RegistryPruneStackProps } from '../../infra/stack.ts';
import { temporaryApp } from './temporary-app.ts';

interface Report {
  readonly pluginReports: readonly {
    readonly pluginName: string;
    readonly violations?: readonly {
      readonly ruleName: string;
      readonly violatingConstructs?: readonly { readonly constructPath?: string }[];
    }[];
  }[];
}

interface Acknowledged {
  readonly path: string;
  readonly id: string;
  readonly reason: string;
}

const VARIANTS: readonly (readonly [string, RegistryPruneStackProps])[] = [
  ['a bucket that exists', { bucketName: 'my-registry' }],
  ['a bucket of its own', {}],
  [
    'everything on',
    {
      bucketName: 'my-registry',
      bucketKeyArn: 'arn:aws:kms:eu-central-1:111122223333:key/1',
      rootDirectory: '/registry',
      pullTimes: true,
      eventBus: 'own',
      alarmEmail: 'team@example.com',
      reservedConcurrency: 1,
      inventoryBucket: 'my-inventories',
    },
  ],
];

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the rules of cdk-nag (AwsSolutions, Serverless)', () => {
  test.each(VARIANTS)('find nothing in a stack with %s', (_, props) => {
    const app = appWith(props);
    expect(findings(app)).toEqual([]);
  });

  test.each(VARIANTS)('need every acknowledgement of a stack with %s, and each says why', (_, props) => {
    const acknowledged: Acknowledged[] = [];
    const real = Validations.of;
    vi.spyOn(Validations, 'of').mockImplementation((scope) => {
      const validations = real(scope);
      vi.spyOn(validations, 'acknowledge').mockImplementation((...rules) => {
        for (const { id, reason } of rules) acknowledged.push({ path: scope.node.path, id, reason });
      });
      return validations;
    });
    const found = findings(appWith(props));
    expect(acknowledged.length).toBeGreaterThan(10);
    const needless = acknowledged.filter(
      ({ path, id }) => !found.some((one) => one.rule === id && one.path.startsWith(`${path}/`)),
    );
    expect(needless.map(({ path, id }) => `${path} ${id}`)).toEqual([]);
    for (const { id, reason } of acknowledged) {
      expect([id, reason.length > 40]).toEqual([id, true]);
      expect(id).not.toMatch(/^[^[]*\*/);
    }
    const places = acknowledged.map(({ path, id }) => `${path} ${id}`);
    expect(new Set(places).size).toBe(places.length);
  });
});

function appWith(props: RegistryPruneStackProps): App {
  const app = temporaryApp();
  new RegistryPruneStack(app, 'RegistryPrune', props);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  return app;
}

/** What the rules find; a synthesis that finds something fails, and leaves its report. */
function findings(app: App): { readonly rule: string; readonly path: string }[] {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  try {
    app.synth();
  } catch (error) {
    expect(error).toMatchObject({ name: 'ValidationFailed' });
  }
  const report: Report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8'));
  return report.pluginReports.flatMap(({ violations = [] }) =>
    violations.flatMap(({ ruleName, violatingConstructs = [] }) =>
      violatingConstructs.map(({ constructPath = '' }) => ({ rule: ruleName, path: constructPath })),
    ),
  );
}
