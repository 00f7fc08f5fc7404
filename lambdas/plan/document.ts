/**
 * A plan: what a run would delete, at once or after it has rested, as a document that can be read, approved, and
 * applied. Its hash is of its content, so that one that was edited is refused; it is no signature.
 */
import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { shown } from '../prune/request.ts';
import { type Digest, isDigest } from '../registry/digest.ts';
import { isRepositoryName, isTagName } from '../registry/names.ts';
import { TOMBSTONE_RETENTION } from '../store/metadata.ts';

/** The document cannot be taken as a plan of this registry; nothing was done. */
export class InvalidPlanError extends Error {
  override readonly name = 'InvalidPlanError';
}

export const PLAN_KIND = 'registry-prune/plan';
export const PLAN_VERSION = '1.0';

/** A plan is held in memory as a whole, which takes some seven times as much (bytes). */
export const MAX_PLAN_BYTES = 96 * 1024 * 1024;

/**
 * An item counts what it gains for as long as it is there; one that was deleted and is put again counts anew once its
 * tombstone has gone (milliseconds).
 */
const MAX_AGE = TOMBSTONE_RETENTION;

const digest = v.custom<Digest>(isDigest, 'not a digest');
const repository = v.custom<string>((value) => isText(value) && isRepositoryName(value), 'not a repository');
const tag = v.custom<string>((value) => isText(value) && isTagName(value), 'not a tag');
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const text = v.string();

const isText = (value: unknown): value is string => typeof value === 'string';

const totals = {
  ...{ manifests: count, tags: count, links: count, blobs: count },
  /** Of blob data. */
  bytes: count,
};

const manifest = v.strictObject({
  ...{ repository, digest, reason: text, mediaType: text, size: count },
  /** Every tag it ever had. */
  taggedAs: v.array(tag),
  /** Those that go with it, as their links are. */
  tags: v.array(v.strictObject({ tag, etag: text, versionId: v.exactOptional(text) })),
  /** How often the item had gained an edge: the snapshot by which a change since is seen. */
  gains: count,
});
const link = v.strictObject({ repository, digest, reason: text, size: count, gains: count });
const blob = v.strictObject({
  ...{ digest, reason: text, size: count, gains: count },
  /** That reference or link it, or have done so. */
  repositories: v.array(text),
});
const upload = v.strictObject({ repository, upload: text, reason: text, size: count });
const multipart = v.strictObject({ key: text, upload: text, reason: text, size: count });

const bodySchema = v.strictObject({
  kind: v.literal(PLAN_KIND),
  schemaVersion: v.literal(PLAN_VERSION),
  id: text,
  createdAt: text,
  /** `partial`: the time did not last, so there is more garbage than it names. */
  status: v.picklist(['completed', 'partial']),
  registry: v.strictObject({ bucket: text, prefix: text, index: text }),
  /** As it was asked for, a duration in `until` resolved to its moment. */
  request: v.strictObject({
    filters: v.record(text, v.array(text)),
    repositories: v.array(text),
    mode: v.picklist(['online', 'offline']),
  }),
  /** Milliseconds that things must have rested when the plan was made. */
  times: v.strictObject({ grace: count, quarantine: count }),
  totals: v.strictObject({ ...totals, uploads: count, uploadBytes: count }),
  /** Bytes of blobs that several repositories name are with none of them. */
  repositories: v.array(v.strictObject({ repository, ...totals, sharedBytes: count })),
  /** What was not planned because it is not understood, or may not go. */
  kept: v.array(
    v.strictObject({
      ...{ code: text, message: text },
      repository: v.exactOptional(text),
      digest: v.exactOptional(text),
    }),
  ),
  manifests: v.array(manifest),
  links: v.array(link),
  blobs: v.array(blob),
  uploads: v.array(upload),
  multipartUploads: v.array(multipart),
});

export type PlanBody = v.InferOutput<typeof bodySchema>;
export type PlannedManifest = v.InferOutput<typeof manifest>;
export type PlannedLink = v.InferOutput<typeof link>;
export type PlannedBlob = v.InferOutput<typeof blob>;
export type PlannedUpload = v.InferOutput<typeof upload>;
export type PlannedMultipart = v.InferOutput<typeof multipart>;
export type Plan = PlanBody & { readonly hash: string };

/** The registry that a plan must be of. */
export type RegistryIdentity = PlanBody['registry'];

/** Seals a plan: nothing of it can be changed unseen from here on. */
export function sealPlan(body: PlanBody): Plan {
  return { ...body, hash: hashOf(body) };
}

/**
 * One entry a line, so that plans can be read and compared; the same content has the same hash in any layout.
 *
 * @throws InvalidPlanError when it is larger than a plan may be.
 */
export function planText(plan: Plan): string {
  const fields = Object.entries(plan).map(([name, value]) => {
    const rows = Array.isArray(value) && value.length > 0 ? value : undefined;
    const shown = rows?.map((row) => `    ${JSON.stringify(row)}`).join(',\n');
    return `  ${JSON.stringify(name)}: ${shown === undefined ? JSON.stringify(value) : `[\n${shown}\n  ]`}`;
  });
  const text = `{\n${fields.join(',\n')}\n}\n`;
  if (text.length <= MAX_PLAN_BYTES) return text;
  throw new InvalidPlanError(
    `the plan has ${text.length} bytes, and may have ${MAX_PLAN_BYTES}: narrow it, for instance by --repository`,
  );
}

/**
 * Reads a plan of this registry.
 *
 * @param document JSON text, or what was parsed of it.
 * @param now milliseconds since the epoch.
 * @throws InvalidPlanError when it is no plan, was edited, is another registry's, or too old.
 */
export function readPlan(document: unknown, registry: RegistryIdentity, now: number): Plan {
  const value = typeof document === 'string' ? parse(document) : document;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InvalidPlanError('it is no plan: a plan is a JSON object, as `registry-prune plan` writes it');
  }
  const { hash, ...content } = value as Record<string, unknown>;
  if (content['kind'] !== PLAN_KIND) {
    throw new InvalidPlanError(
      `it is no plan: kind is ${content['kind'] === undefined ? 'absent' : shown(content['kind'])}, and must be "${PLAN_KIND}"`,
    );
  }
  if (content['schemaVersion'] !== PLAN_VERSION) {
    throw new InvalidPlanError(
      `the plan's schemaVersion is ${shown(content['schemaVersion'])}: this version reads "${PLAN_VERSION}"`,
    );
  }
  const actual = hashOf(content);
  if (hash !== actual) {
    throw new InvalidPlanError(
      `the plan was edited: its hash is ${shown(hash)}, and that of its content ${actual}; make a new plan`,
    );
  }
  const result = v.safeParse(bodySchema, content);
  if (!result.success) {
    const [issue] = result.issues;
    throw new InvalidPlanError(`the plan cannot be read: ${v.getDotPath(issue) ?? 'plan'}: ${issue.message}`);
  }
  const { registry: own, createdAt } = result.output;
  if (own.bucket !== registry.bucket || own.prefix !== registry.prefix) {
    throw new InvalidPlanError(
      `the plan is another registry's: of ${own.bucket}/${own.prefix}, and this is ${registry.bucket}/${registry.prefix}`,
    );
  }
  if (own.index !== registry.index) {
    throw new InvalidPlanError('the metadata table was built anew since the plan was made; make a new plan');
  }
  if (!(now - Date.parse(createdAt) <= MAX_AGE)) {
    throw new InvalidPlanError(
      `the plan was made at ${createdAt}: allowed are ${MAX_AGE / 86_400_000} days; make a new plan`,
    );
  }
  return { ...result.output, hash: actual };
}

function parse(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch (error) {
    throw new InvalidPlanError(`it is no plan: ${error instanceof Error ? error.message : 'it is no JSON'}`);
  }
}

/** Field by field and row by row, so that a large plan needs no second text of itself. */
function hashOf(content: object): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(content).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${JSON.stringify(name)}\n`);
    for (const row of Array.isArray(value) ? value : [value]) hash.update(`${canonical(row, 1)}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}

/** Lists and objects within one another, more than any plan has; one that is too deep cannot be gone through. */
const MAX_DEPTH = 20;

/** In one order of keys, whatever a tool has made of it. */
function canonical(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (depth > MAX_DEPTH)
    throw new InvalidPlanError(`it is no plan: it is nested deeper than ${MAX_DEPTH} levels`);
  const inner = (part: unknown): string => canonical(part, depth + 1);
  if (Array.isArray(value)) return `[${value.map(inner).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, part]) => `${JSON.stringify(name)}:${inner(part)}`).join(',')}}`;
}
