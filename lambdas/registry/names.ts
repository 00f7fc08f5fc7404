/** Longest repository name, slashes included (`NameTotalLengthMax` of distribution's reference package). */
export const MAX_NAME_LENGTH = 255;

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${COMPONENT}(?:/${COMPONENT})*`;
const DOMAIN_COMPONENT = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DOMAIN = `${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*`;

// The registry checks a name with reference.WithName, whose grammar takes a first component that looks like a host
// for one: `Team/app` and `Quay.io/x` are accepted and stored, upper case and all. Refusing them here would make a
// whole repository invisible, and everything in it garbage. A host with a port is accepted too but cannot be
// stored: the storage driver's PathRegexp has no colon.
const NAME = new RegExp(`^(?:${DOMAIN}/)?${PATH}$`);
const TAG = /^\w[\w.-]{0,127}$/;

/**
 * Whether distribution can hold a repository of this name: `reference.NameRegexp`, at most
 * {@link MAX_NAME_LENGTH} long, and of characters its storage drivers accept.
 */
export function isRepositoryName(value: string): boolean {
  return value.length <= MAX_NAME_LENGTH && NAME.test(value);
}

/** Whether this is a tag: `[\w][\w.-]{0,127}` (OCI distribution spec, "Pulling manifests"; `reference.TagRegexp`). */
export function isTagName(value: string): boolean {
  return TAG.test(value);
}
