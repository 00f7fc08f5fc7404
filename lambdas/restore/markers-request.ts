/** What the restore function is asked for, checked before anything is touched. */
import * as v from 'valibot';
import type { RegistryLayout } from '../registry/layout.ts';
import { MAX_DELETE_KEYS } from '../store/limits.ts';
import type { Marker } from '../store/markers.ts';

/** The request cannot be understood or asks for too much; nothing was removed. */
export class InvalidMarkersError extends Error {
  override readonly name = 'InvalidMarkersError';
}

const request = v.strictObject({
  markers: v.pipe(
    v.array(v.strictObject({ key: v.string(), versionId: v.pipe(v.string(), v.minLength(1)) })),
    v.minLength(1),
    v.maxLength(MAX_DELETE_KEYS),
  ),
});

/** Blob data, and the tags that a run found moved while it deleted them: nothing else ever has to come back so. */
const KINDS = ['blob', 'tag'];

/** @throws InvalidMarkersError naming the value at fault and those allowed. */
export function parseMarkers(payload: unknown, layout: RegistryLayout): Marker[] {
  const result = v.safeParse(request, payload);
  if (!result.success) {
    const [issue] = result.issues;
    throw new InvalidMarkersError(
      `${v.getDotPath(issue) ?? 'the request'}: ${issue.message}: allowed is ` +
        `{"markers": [{"key": …, "versionId": …}]} with 1 to ${MAX_DELETE_KEYS} of them`,
    );
  }
  const { markers } = result.output;
  const other = markers.find(({ key }) => !KINDS.includes(layout.parse(key).kind));
  if (other === undefined) return markers;
  throw new InvalidMarkersError(
    `${JSON.stringify(other.key)} is neither a blob's data nor a tag's link below ${layout.prefix}`,
  );
}
