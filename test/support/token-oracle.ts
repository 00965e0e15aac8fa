import type { KeyObject } from 'node:crypto';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { signRaw } from './raw-jwt.js';
import { payloadOf, type Scene } from './scene.js';

/** Signs whatever a test asks for with the key that the application itself signs with. */
export class TokenOracle {
  private constructor(
    readonly privateKey: KeyObject,
    readonly kid: string,
    readonly algorithm: string,
  ) {}

  static async of(scene: Scene): Promise<TokenOracle> {
    const key = await scene.booted.app.get(KeyRing).signingKey();
    return new TokenOracle(key.privateKey, key.kid, key.algorithm);
  }

  /** The header of an access token. */
  get header(): Record<string, unknown> {
    return { alg: this.algorithm, kid: this.kid, typ: 'at+jwt', version: '5' };
  }

  sign(header: unknown, payload: unknown): string {
    return signRaw(header, payload, this.privateKey);
  }

  /** An access token that says something else than the one that is given; `undefined` leaves a claim out. */
  withClaims(access: string, changes: Record<string, unknown>): string {
    return this.sign(this.header, { ...payloadOf(access), ...changes });
  }

  withHeader(access: string, changes: Record<string, unknown>): string {
    return this.sign({ ...this.header, ...changes }, payloadOf(access));
  }
}
