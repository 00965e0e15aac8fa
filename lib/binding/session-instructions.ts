/** The instructions for a browser about a session for which it holds a key. */
export interface SessionInstructions {
  readonly session_identifier: string;
  readonly scope: { readonly include_site: false; readonly scope_specification: readonly never[] };
  readonly credentials: readonly {
    readonly type: 'cookie';
    readonly name: string;
    readonly attributes: string;
  }[];
  readonly allowed_refresh_initiators: readonly string[];
}

/**
 * The answer to a registration and to each proof. It omits the scope's origin and the URL of the refresh. Browsers take
 * both from the answering URL. So no proxy can make them wrong.
 *
 * @param cookie as the answer sets it, without its lifetime
 * @param trustedOrigins origins outside the scope whose pages may start a refresh
 */
export function sessionInstructions(
  sessionHandle: string,
  cookie: { readonly name: string; readonly attributes: string },
  trustedOrigins: Iterable<string>,
): SessionInstructions {
  return {
    session_identifier: sessionHandle,
    scope: { include_site: false, scope_specification: [] },
    credentials: [{ type: 'cookie', ...cookie }],
    allowed_refresh_initiators: [...new Set([...trustedOrigins].flatMap(hostOfPage))],
  };
}

// One bad pattern fails the whole session, and browsers do not know the hosts of app shells, such as
// `capacitor://localhost`.
function hostOfPage(origin: string): string[] {
  const { protocol, hostname } = new URL(origin);
  const isWeb = protocol === 'https:' || protocol === 'http:';
  return isWeb && /^[a-z0-9.-]+$/.test(hostname) ? [hostname] : [];
}
