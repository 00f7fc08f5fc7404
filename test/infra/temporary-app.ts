import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, onTestFinished } from 'vitest';
import { RegistryPruneStack, type RegistryPruneStackProps } from '../../infra/stack.ts';

export const ROOT = resolve(import.meta.dirname, '../..');

/** What the command line hands to the app. */
export const CDK_JSON: { readonly app: string; readonly context: Readonly<Record<string, unknown>> } =
  JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'));

/** For a test that looks at templates alone: bundles take seconds. */
const WITHOUT_BUNDLES = { 'aws:cdk:bundling-stacks': [] };

/** Like `new App()` under the command line, which would leave its output in the temporary directory for good. */
export function temporaryApp({ bundles = false } = {}): App {
  const outdir = mkdtempSync(join(tmpdir(), 'registry-prune-synth-'));
  onTestFinished(() => rmSync(outdir, { recursive: true, force: true }));
  return new App({ outdir, context: { ...CDK_JSON.context, ...(bundles ? {} : WITHOUT_BUNDLES) } });
}

export const temporaryStack = (props: RegistryPruneStackProps = {}): RegistryPruneStack =>
  new RegistryPruneStack(temporaryApp(), 'RegistryPrune', props);

/** The template of the whole stack. */
export const templateOf = (props: RegistryPruneStackProps = {}): Template =>
  Template.fromStack(temporaryStack(props));

/** For a construct by itself. */
export const emptyStack = (): Stack => new Stack(temporaryApp(), 'Test');

/** The one logical id of a type that begins so. */
export function idOf(template: Template, type: string, prefix: string): string {
  const found = Object.keys(template.findResources(type)).filter((one) => one.startsWith(prefix));
  expect(found).toHaveLength(1);
  return found[0] ?? '';
}
