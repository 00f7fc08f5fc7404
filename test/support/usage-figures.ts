/** What the product says of a table, in the form of the independent computation. */
import { measure } from '../../cli/usage/graph/retained.ts';
import { readInventory } from '../../cli/usage/read.ts';
import { type Grouping, reportOf, type UsageReport, type UsageRow } from '../../cli/usage/report.ts';
import type { Table } from '../../lambdas/store/table.ts';
import type { Bytes } from './usage-oracle.ts';

export async function usageReport(table: Table, by: Grouping, top = 1_000_000): Promise<UsageReport> {
  const inventory = await readInventory(table);
  const options = { by, top, bucket: 'registry', generatedAt: new Date(0) };
  return reportOf(inventory, measure(inventory), options);
}

/** By what the row is about: `<repository>`, `<repository>:<tag>` or `<repository>@<digest>`. */
export function figuresOf(rows: readonly UsageRow[]): Map<string, Bytes> {
  return new Map(
    rows.map(({ repository, tag, digest, physicalBytes, uniqueBytes, sharedBytes }) => {
      if (sharedBytes !== physicalBytes - uniqueBytes)
        throw new Error(`${repository}: shared is not the rest`);
      const name = tag !== undefined ? `:${tag}` : digest !== undefined ? `@${digest}` : '';
      return [`${repository}${name}`, { physical: physicalBytes, unique: uniqueBytes }];
    }),
  );
}
