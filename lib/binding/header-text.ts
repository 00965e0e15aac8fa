/** The headers of Device Bound Session Credentials, in lower case as in Node. */
export const REGISTRATION_HEADER = 'secure-session-registration';
export const CHALLENGE_HEADER = 'secure-session-challenge';
export const PROOF_HEADER = 'secure-session-response';
export const SESSION_ID_HEADER = 'sec-secure-session-id';

const BARE = /^[\w.~-]*$/;

/**
 * The text of a header that the draft defines as a String (RFC 9651 §3.3.3), and that Chromium sends without quotation
 * marks. One pair of them is removed.
 *
 * @returns `undefined` if it has characters that identifiers and JWTs do not have
 */
export function readHeaderText(value: string): string | undefined {
  const isQuoted = value.length >= 2 && value.startsWith('"') && value.endsWith('"');
  const text = isQuoted ? value.slice(1, -1) : value;
  return BARE.test(text) ? text : undefined;
}

/**
 * The header that asks a browser to make a key for the session.
 *
 * @param path where the browser registers it
 * @throws {TypeError} for characters that RFC 9651 forbids in a String
 */
export function registrationHeader({
  path,
  challenge,
}: {
  readonly path: string;
  readonly challenge: string;
}): string {
  return `(ES256);path=${quoted(path)};challenge=${quoted(challenge)}`;
}

/**
 * The header that gives a browser the challenge of its next proof.
 *
 * @throws {TypeError} if a value has characters that a String of RFC 9651 can't have
 */
export function challengeHeader(challenge: string, sessionId: string): string {
  return `${quoted(challenge)};id=${quoted(sessionId)}`;
}

function quoted(text: string): string {
  if (!/^[\x20-\x7e]*$/.test(text)) throw new TypeError('A header may only hold printable ASCII');
  return `"${text.replaceAll(/["\\]/g, (each) => `\\${each}`)}"`;
}
