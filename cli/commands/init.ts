/** `init`: creates the metadata table. */
import { readConfiguration } from '../../lambdas/configuration.ts';
import { dynamoDbClient } from '../../lambdas/store/aws-clients.ts';
import { ensureTable } from '../../lambdas/store/table-definition.ts';
import { type Cli, type Command, withExamples } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import type { Host } from '../terminal.ts';

export function addInit(program: Command, cli: Cli): void {
  const command = program
    .command('init')
    .description('create the metadata table, or check the one there is')
    .option('--json', 'print JSON')
    .action(cli.run((host, options: { json?: boolean }) => initCommand(host, options)));
  withExamples(command, ['registry-prune init']);
}

async function initCommand(host: Host, options: { readonly json?: boolean }): Promise<number> {
  const { tableName } = readConfiguration(host.env, new Date());
  const { created, ttl } = await ensureTable(dynamoDbClient(), tableName);
  if (options.json) {
    host.stdout.write(`${JSON.stringify({ table: tableName, created, ttl })}\n`);
  } else {
    host.stdout.write(`Table ${tableName} ${created ? 'created' : 'is there and as it should be'}.\n`);
    if (ttl === 'unsupported') host.stdout.write('This DynamoDB has no TTL: old tombstones will stay.\n');
  }
  return EXIT.done;
}
