/** The labels of an image's config: `null` where the config has none, `undefined` where it could not be read. */
export type ImageLabels = Readonly<Record<string, string>> | null | undefined;

/** What one entry of a label filter asks for: a key, and its value unless any will do. */
export interface LabelEntry {
  readonly key: string;
  readonly value: string | undefined;
}

/**
 * Splits the text of an entry at its first `=`: `key` asks for the key alone, `key=` for the empty value.
 *
 * @see https://github.com/moby/moby/blob/v25.0.0/api/types/filters/parse.go (`MatchKVList`)
 */
export function parseLabelEntry(text: string): LabelEntry {
  const split = text.indexOf('=');
  if (split < 0) return { key: text, value: undefined };
  return { key: text.slice(0, split), value: text.slice(split + 1) };
}

/** Whether the labels hold every one of the entries. Keys and values are compared exactly. */
export function hasAllLabels(
  labels: Readonly<Record<string, string>>,
  entries: readonly LabelEntry[],
): boolean {
  // hasOwn, so that an image does not seem to carry the labels `constructor` or `toString`.
  return entries.every(
    ({ key, value }) => Object.hasOwn(labels, key) && (value === undefined || labels[key] === value),
  );
}
