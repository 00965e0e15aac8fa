import type { PublishedKeys } from './published-keys.js';
import type { VisitorClaims } from './visitor.js';

const ES256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RS256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };

/** The claims of a good access token. */
export async function claimsOf(
  token: string,
  keys: PublishedKeys,
  nowMs: number,
): Promise<VisitorClaims | undefined> {
  const [head = '', body = '', signature = ''] = token.split('.');
  const { typ, kid } = parsed(head);
  const claims = parsed(body) as unknown as VisitorClaims;
  // The API's keys sign other tokens too. An expired token needs no check of its signature.
  if (typ !== 'at+jwt' || !(claims.exp * 1000 > nowMs)) return undefined;
  const jwk = await keys.find(kid);
  if (jwk === undefined || !/^(?:[\w-]{4})*[\w-]{2,4}$/.test(signature)) return undefined;
  const algorithm = jwk.kty === 'RSA' ? RS256 : ES256;
  const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
  const signed = new TextEncoder().encode(`${head}.${body}`);
  const isOurs = await crypto.subtle.verify(algorithm, key, bytes(signature), signed);
  return isOurs ? claims : undefined;
}

/** Whether a session's page has to show a token of its own (`VIA_TOKEN`), by an access token that may have expired. */
export function hasAntiCsrfToken(token = ''): boolean {
  return Boolean(parsed(token.split('.')[1] ?? '')['antiCsrfToken']);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
}

function parsed(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(new TextDecoder().decode(bytes(text)))) as Record<string, unknown>;
  } catch {
    return {};
  }
}
