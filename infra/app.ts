/** `cdk deploy -c bucket=my-registry`: every name and its meaning is in docs/operations.md. */
import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { readContext } from './context.ts';
import { RegistryPruneStack } from './stack.ts';

const app = new App();
try {
  new RegistryPruneStack(app, 'RegistryPrune', {
    description: 'registry-prune: garbage collection for a container registry on S3',
    ...readContext(app.node.getAllContext()),
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  app.synth();
} catch (error) {
  // Somebody's settings, as a rule: the message says which, and a stack trace would hide it.
  const shown = error instanceof Error && !process.env['CDK_DEBUG'] ? error.message : error;
  console.error('registry-prune:', shown);
  process.exitCode = 1;
}
