import { createHmac, sign, type KeyObject } from 'node:crypto';

/** What stands at the place of a part: text as it is, anything else as JSON. */
type Part = unknown;

export function encodePart(part: Part): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/** Signs any header and any payload, however wrong, with a private key: ES256 for an elliptic curve, RS256 for RSA. */
export function signRaw(header: Part, payload: Part, key: KeyObject): string {
  const input = `${encodePart(header)}.${encodePart(payload)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** The same by HMAC-SHA-256, whatever the secret was meant for. */
export function signRawByHmac(header: Part, payload: Part, secret: string | Buffer): string {
  const input = `${encodePart(header)}.${encodePart(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** The signature is whatever is given. */
export function withSignature(header: Part, payload: Part, signature: string | Buffer): string {
  const encoded = typeof signature === 'string' ? signature : signature.toString('base64url');
  return `${encodePart(header)}.${encodePart(payload)}.${encoded}`;
}
