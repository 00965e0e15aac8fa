import { Injectable, Inject } from '@nestjs/common';
import { SessionInputException } from '../errors/session-input.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { Clock } from '../time/clock.js';
import { encodeJwtHeader, signJwt } from '../tokens/jwt.js';
import { KeyRing } from './key-ring.js';

const HUNDRED_YEARS_SECONDS = 3_153_600_000;

/**
 * Signs JWTs for other services with the server's keys. None of them can pass for an access token, because their type
 * differs.
 */
@Injectable()
export class JwtMaker {
  constructor(
    private readonly keys: KeyRing,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  async make(
    payload: Readonly<Record<string, unknown>>,
    validitySeconds: number = HUNDRED_YEARS_SECONDS,
    useStaticSigningKey = true,
  ): Promise<string> {
    if (!Number.isSafeInteger(validitySeconds) || validitySeconds < 1) {
      throw new SessionInputException(
        'validitySeconds',
        'must be a whole number of seconds, at least 1',
      );
    }
    if (typeof useStaticSigningKey !== 'boolean') {
      throw new SessionInputException('useStaticSigningKey', 'must be true or false');
    }
    const { issuer } = this.options;
    const iat = Math.floor(this.clock.now() / 1000);
    const key = useStaticSigningKey ? await this.keys.staticKey() : await this.keys.signingKey();
    const claims = { iss: issuer, ...payload, iat, exp: iat + validitySeconds };
    return signJwt(
      withoutUndefined(claims),
      encodeJwtHeader({ kid: key.kid, typ: 'JWT' }, key.algorithm),
      key.privateKey,
      key.algorithm,
    );
  }
}

function withoutUndefined(claims: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}
