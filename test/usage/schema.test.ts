import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { GROUPINGS } from '../../cli/usage/report.ts';
import { usageReport } from '../support/usage-figures.ts';
import { tableOf } from '../support/usage-rows.ts';

const text = readFileSync(join(import.meta.dirname, '../../schemas/usage.schema.json'), 'utf8');
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(JSON.parse(text));

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null;

/** Every object within, where its members are named by the schema and not by their place in a list. */
function objectsIn(value: unknown): Json[] {
  if (!isObject(value)) return [];
  return [...(Array.isArray(value) ? [] : [value]), ...Object.values(value).flatMap(objectsIn)];
}

describe.each(GROUPINGS)('the schema of usage, by %s', (by) => {
  const made = async (): Promise<Json> => {
    const table = await tableOf({
      blobs: { m: 1, a: 2, orphan: 3 },
      repositories: { team: { manifests: { m: { layers: ['a'] } }, tags: { v1: 'm' } } },
    });
    await table.put({ pk: 'ELSE', sk: 'x' });
    return JSON.parse(JSON.stringify(await usageReport(table, by)));
  };

  it('takes what is answered', async () => {
    const report = await made();
    expect([report['rows'], validate(report), validate.errors]).toEqual([[expect.anything()], true, null]);
  });

  it('takes no field too many or too few, wherever it is', async () => {
    const objects = objectsIn(await made());
    expect(objects.length).toBeGreaterThan(8);
    for (const place of objects.keys()) {
      for (const field of [...Object.keys(objects[place] ?? {}), undefined]) {
        const report = await made();
        const object = objectsIn(report)[place] ?? {};
        if (field === undefined) object['more'] = 1;
        else delete object[field];
        expect([field, validate(report)]).toEqual([field, false]);
      }
    }
  });

  it.each([
    { by: 'layer' },
    { generatedAt: '1 Mar 2026' },
    { omitted: -1 },
    { rows: [{ repository: '' }] },
    { bucket: '' },
  ])('refuses %j', async (wrong) => {
    expect(validate({ ...(await made()), ...wrong })).toBe(false);
  });
});
