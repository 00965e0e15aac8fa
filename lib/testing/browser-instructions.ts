/** A browser's reading of a session's instructions. */
export interface ReadInstructions {
  readonly id: string;
  readonly credentials: readonly { readonly name: string; readonly attributes: string }[];
  readonly initiators: readonly string[];
}

// Chromium permits these alone in a description, and refuses all others (`cookie_craving.cc`).
const PERMITTED = /^\s*(?:domain|path|samesite)=[^;]*$|^\s*(?:secure|httponly)?\s*$/i;

/**
 * Reads the answer to a registration as Chromium does.
 *
 * @returns Chromium's word for the flaw if it can't make a session of the answer; `'ended'` for a session that must not
 * continue
 */
export function readInstructions(text: string): ReadInstructions | string {
  const json = parse(text);
  if (json === undefined) return 'EmptySessionConfig';
  const { session_identifier: id, scope, credentials, continue: goesOn = true } = json;
  if (goesOn === false) return 'ended';
  if (typeof id !== 'string' || id === '') return 'MissingSessionIdentifier';
  if (typeof scope !== 'object' || scope === null) return 'MissingScope';
  if (typeof (scope as Record<string, unknown>)['include_site'] !== 'boolean') {
    return 'MissingScopeIncludeSite';
  }
  const list = Array.isArray(credentials) ? (credentials as Record<string, unknown>[]) : [];
  if (list.length === 0) return 'NoCredentials';
  const read = list.map(({ name, attributes = '' }) => ({
    name: String(name),
    attributes: String(attributes),
  }));
  if (!read.every(({ attributes }) => attributes.split(';').every(isPermitted))) {
    return 'InvalidCredentialsCookieUnpermittedAttribute';
  }
  const { allowed_refresh_initiators: initiators = [] } = json;
  if (!Array.isArray(initiators) || !initiators.every((each) => typeof each === 'string')) {
    return 'InvalidRefreshInitiators';
  }
  return { id, credentials: read, initiators };
}

function isPermitted(attribute: string): boolean {
  return PERMITTED.test(attribute);
}

/** Whether a page of this host may start a refresh. */
export function mayInitiate(host: string, patterns: readonly string[]): boolean {
  return patterns.some(
    (pattern) =>
      pattern === '*' ||
      pattern === host ||
      (pattern.startsWith('*.') && host.endsWith(pattern.slice(1))),
  );
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null
      ? (json as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
