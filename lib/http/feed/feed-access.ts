import { Injectable } from '@nestjs/common';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { constantTimeEqual, sha256Hex } from '../../tokens/secrets.js';
import { asHttpRequest } from '../context/http-request.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { TokenReader } from '../transport/token-reader.js';

/** Lets only holders of a secret read the feed. */
@Injectable()
export class FeedAccess {
  constructor(
    private readonly reader: TokenReader,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
  ) {}

  /**
   * Whether a request shows one of the secrets, in `Authorization` only. All are compared, so the time tells nothing.
   */
  isGranted(request: unknown, secrets: readonly string[]): boolean {
    const shown = sha256Hex(this.reader.bearerToken(asHttpRequest(request)) ?? '');
    const matches = secrets.map((secret) => constantTimeEqual(sha256Hex(secret), shown));
    return matches.includes(true);
  }

  /** @throws {UnauthorizedSessionException}, or {TooManyRequestsException} if the address has tried too often */
  async refuse(request: unknown): Promise<never> {
    try {
      await this.limiter.countWrongSecret(request);
      throw new UnauthorizedSessionException({
        reason: 'feed-secret',
        clearTokens: false,
        status: 401,
      });
    } catch (error) {
      return this.refusals.rethrow('revocations', error);
    }
  }
}
