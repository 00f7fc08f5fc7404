/** What the product says of a table, in the form of the independent computation. */

import { expect } from 'vitest';
import { measure } from '../../cli/usage/graph/retained.ts';
import { readInventory } from '../../cli/usage/read.ts';
import { type Grouping, reportOf, type UsageReport, type UsageRow } from '../../cli/usage/report.ts';
import type { Table } from '../../lambdas/store/table.ts';
import type { Bytes, Usages } from './usage-oracle.ts';

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

/** @param reports by repository, by tag and by image. */
export function expectUsages(reports: readonly UsageReport[], expected: Usages): void {
  const [repositories, tags, images] = reports.map(({ rows }) => figuresOf(rows));
  expect(repositories).toEqual(expected.repositories);
  expect(tags).toEqual(expected.tags);
  expect(images).toEqual(expected.images);
  for (const { total, unreadable } of reports) {
    expect(unreadable.rows).toBe(0);
    expect(total).toMatchObject({
      bytes: expected.total,
      unused: { bytes: expected.unused },
      unheld: { manifests: expected.unheldManifests.size, bytes: expected.unheld },
    });
  }
}
