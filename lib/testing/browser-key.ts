import { generateKeyPairSync, sign } from 'node:crypto';

/** A key for one session, which a browser holds instead of its device. */
export class BrowserKey {
  private readonly pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  /** The proof that registers the key. */
  registration(challenge: string): string {
    return this.jwt({ jwk: this.pair.publicKey.export({ format: 'jwk' }) }, challenge);
  }

  /** The proof of a refresh. */
  refresh(challenge: string): string {
    return this.jwt({}, challenge);
  }

  private jwt(more: object, challenge: string): string {
    const parts = [{ alg: 'ES256', typ: 'dbsc+jwt', ...more }, { jti: challenge }];
    const signed = parts
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const by = { key: this.pair.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${signed}.${sign('sha256', Buffer.from(signed), by).toString('base64url')}`;
  }
}
