/** The schemas of schemas/, strict, and able to name each other. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

const SCHEMAS = join(import.meta.dirname, '../../schemas');
const ajv = new Ajv2020({ strict: true, allErrors: true });
for (const file of readdirSync(SCHEMAS)) ajv.addSchema(JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')));

/** @param name `run` for `run.schema.json`. */
export function schema(name: string): ValidateFunction {
  const validate = ajv.getSchema(`urn:registry-prune:schema:${name}:1.0`);
  if (validate === undefined) throw new Error(`there is no schema ${name}`);
  return validate;
}

/** What is wrong with what JSON leaves of a value. */
export function schemaErrors(name: string, value: unknown): string[] {
  const validate = schema(name);
  validate(JSON.parse(JSON.stringify(value)));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
