/** The stack as `cdk deploy` would upload it: the template, and for each function its bundle, environment and role. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { RegistryPruneStack, type RegistryPruneStackProps } from '../../../infra/stack.ts';
import { CDK_JSON } from '../../infra/temporary-app.ts';
import { type Statement, statementsOfRole, type Template } from './template.ts';

const NAMES = [
  ...(['Prune', 'Index', 'Heartbeat', 'Restore', 'Notification'] as const),
  ...(['ReindexNext', 'ReindexSlice'] as const),
];
export type FunctionName = (typeof NAMES)[number];

export interface DeployedFunction {
  readonly name: FunctionName;
  readonly logicalId: string;
  /** Where the bundle is. */
  readonly directory: string;
  /** Seconds. */
  readonly timeout: number;
  readonly memorySize: number;
  /** As the template has it: not all values are text yet. */
  readonly environment: Readonly<Record<string, unknown>>;
  readonly statements: readonly Statement[];
}

export interface Assembly {
  readonly template: Template;
  readonly functions: ReadonlyMap<FunctionName, DeployedFunction>;
  readonly remove: () => void;
}

/** Synthesizes the stack with its bundles, which takes seconds. */
export function synthesize(props: RegistryPruneStackProps): Assembly {
  const outdir = mkdtempSync(join(tmpdir(), 'registry-prune-assembly-'));
  // As the command line does, so that the template says where each bundle is.
  const context = { ...CDK_JSON.context, 'aws:cdk:enable-asset-metadata': true };
  const app = new App({ outdir, context });
  new RegistryPruneStack(app, 'RegistryPrune', props);
  const template: Template = app.synth().getStackByName('RegistryPrune').template;
  const functions = new Map<FunctionName, DeployedFunction>();
  for (const name of NAMES) {
    const output = template.Outputs[`${name}FunctionName`];
    if (output === undefined) continue;
    const { Ref: logicalId } = output.Value as { readonly Ref: string };
    functions.set(name, deployedFunction(template, outdir, name, logicalId));
  }
  return { template, functions, remove: () => rmSync(outdir, { recursive: true, force: true }) };
}

function deployedFunction(
  template: Template,
  outdir: string,
  name: FunctionName,
  logicalId: string,
): DeployedFunction {
  const { Properties: properties, Metadata: metadata } = template.Resources[logicalId] ?? {};
  if (properties === undefined) throw new Error(`${logicalId} is not in the template`);
  return {
    ...{ name, logicalId },
    directory: join(outdir, String(metadata?.['aws:asset:path'])),
    timeout: properties['Timeout'],
    memorySize: properties['MemorySize'],
    environment: properties['Environment'].Variables,
    statements: statementsOfRole(template, properties['Role']['Fn::GetAtt'][0]),
  };
}
