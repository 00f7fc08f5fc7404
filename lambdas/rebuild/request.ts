/** What starts a rebuild in units, or goes on with it. */
import * as v from 'valibot';
import { parseLocation } from '../inventory/manifest.ts';
import { InvalidRebuildError } from './errors.ts';
import { PHASES, type Phase } from './state.ts';

export interface RebuildRequest {
  /** Where an inventory's `manifest.json` is. */
  readonly inventory?: string;
  /** From the beginning, though one is unfinished. @default false */
  readonly restart?: boolean;
  /** Of the rebuild that the caller is at; without one it is begun, or gone on with where it has stopped. */
  readonly id?: string;
}

export interface SliceRequest {
  readonly id: string;
  readonly phase: Phase;
  readonly unit: string;
}

const requestSchema = v.strictObject({
  inventory: v.exactOptional(v.string()),
  restart: v.exactOptional(v.boolean()),
  id: v.exactOptional(v.string()),
});

const sliceSchema = v.object({ id: v.string(), phase: v.picklist(PHASES), unit: v.string() });

/**
 * The input of an execution, or what the machine makes of it.
 *
 * @throws InvalidRebuildError that names the field, the value got and those allowed.
 * @throws InventoryError when the inventory's place is none.
 */
export function parseRebuildRequest(payload: unknown): RebuildRequest {
  const request = parsed(requestSchema, payload);
  if (request.inventory !== undefined) parseLocation(request.inventory);
  return request;
}

/** @throws InvalidRebuildError */
export const parseSliceRequest = (payload: unknown): SliceRequest => parsed(sliceSchema, payload);

function parsed<S extends v.GenericSchema>(schema: S, payload: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, payload);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InvalidRebuildError(
    `${v.getDotPath(issue) ?? 'the request'}: got ${issue.received}, allowed is ${issue.expected ?? 'no such field'}`,
  );
}
