/** A manifest that cannot be read: it is kept, and its repository is left alone. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

/** An image's configuration that cannot be read: it matches no label filter. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** A value from a document nobody vouches for, in a form short enough for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  return typeof value === 'object' && value !== null ? 'a list or an object' : String(value);
}
