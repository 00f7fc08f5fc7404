import { App } from 'aws-cdk-lib';
import { RegistryPruneStack } from './stack.ts';

new RegistryPruneStack(new App(), 'RegistryPrune', {
  description: 'registry-prune: garbage collection for a container registry on S3',
});
