import { join } from 'node:path';
import { type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { type Acknowledgement, acknowledge, give, type Permission } from './permission.ts';

export interface RegistryFunctionProps {
  /** The handler's file below `lambdas/`. */
  readonly handler: string;
  /** What it is for, as the console shows it. */
  readonly description: string;
  readonly memorySize: number;
  readonly timeout: Duration;
  /** All that it may do, its own log aside. */
  readonly permissions: readonly Permission[];
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Instances that are kept for it and that it cannot exceed.
   *
   * @default - none: it shares the account's
   */
  readonly reservedConcurrency?: number;
  /**
   * @default RetentionDays.THREE_MONTHS
   */
  readonly logRetention?: RetentionDays;
}

const ROOT = join(import.meta.dirname, '..');

/**
 * One function: Node 24 on arm64, one ESM bundle with the SDK in it, a log group and a role of its own that may do what
 * is listed and no more.
 */
export class RegistryFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: RegistryFunctionProps) {
    super(scope, id);
    const { handler, description, memorySize, timeout, environment, permissions } = props;
    const { reservedConcurrency, logRetention = RetentionDays.THREE_MONTHS } = props;
    this.logGroup = new LogGroup(this, 'Log', {
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `${Stack.of(this).stackName}: ${description}`,
    });
    this.logGroup.grantWrite(this.role);
    give(Stack.of(this), this.role, permissions);
    this.function = new NodejsFunction(this, 'Function', {
      ...{ description, memorySize, timeout, role: this.role, logGroup: this.logGroup },
      entry: join(ROOT, 'lambdas', handler),
      projectRoot: ROOT,
      depsLockFilePath: join(ROOT, 'package-lock.json'),
      handler: 'handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      // Stack traces of the log name the sources.
      environment: { ...environment, NODE_OPTIONS: '--enable-source-maps' },
      ...(reservedConcurrency === undefined ? {} : { reservedConcurrentExecutions: reservedConcurrency }),
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        minify: true,
        sourceMap: true,
        // The map names places; the text of the sources would make it ten times as long.
        sourcesContent: false,
        // The runtime's own SDK changes without notice.
        externalModules: [],
        mainFields: ['module', 'main'],
        commandHooks: {
          beforeBundling: () => [],
          beforeInstall: () => [],
          afterBundling: (_, output) => [weigh(output, handler)],
        },
      },
    });
    acknowledge(this.function, [
      {
        id: 'Serverless-LambdaTracing',
        reason:
          'Its calls are thousands of the same few kinds, which a trace does not tell apart; logs and metrics name each ' +
          'run, key and error.',
      },
    ]);
  }
}

/** A shell's command; the paths may have spaces. */
const weigh = (output: string, handler: string): string =>
  [process.execPath, join(ROOT, 'infra', 'bundle-size.ts'), output, handler]
    .map((word) => JSON.stringify(word))
    .join(' ');

/** Of a function whose caller waits for its answer, or whose messages come from a queue that keeps those that fail. */
export const NEVER_ASYNCHRONOUS: readonly Acknowledgement[] = [
  { id: 'Serverless-LambdaDLQ', reason: 'Nobody invokes it asynchronously: whoever calls gets the error.' },
];
