import { Injectable } from '@nestjs/common';
import { RequestVerification } from '../http/request-verification.js';
import type { VerifySessionOptions } from '../http/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';

// No access token is longer, so a client's text is not searched further.
const LONGEST_TOKEN = 8_192;

/** Finds the session that opens a socket. */
@Injectable()
export class Handshakes {
  constructor(private readonly verification: RequestVerification<ReadonlySession>) {}

  /**
   * @param asked the requirements of each gateway behind the socket
   * @param shown the token that the client sent apart from its handshake, if it is one: it replaces cookies
   * @returns `undefined` if there is no session, and none is required
   * @throws {SessionException}
   */
  async verify(
    request: unknown,
    asked: readonly VerifySessionOptions[],
    shown?: unknown,
  ): Promise<ReadonlySession | undefined> {
    const [first = {}, ...others] = asked;
    const session = await this.verification.verifyHandshake(request, first, tokenIn(shown));
    for (const { overrideGlobalClaimValidators } of others) {
      if (session === undefined) break;
      await this.verification.claims.assertIn(session, overrideGlobalClaimValidators);
    }
    return session;
  }
}

/** The access token in a client's message: alone, or as `token`, `authorization` or `accessToken`. */
export function tokenIn(shown: unknown): string | undefined {
  if (typeof shown === 'string') return bare(shown);
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown)) return undefined;
  for (const [name, value] of Object.entries(shown).slice(0, 100)) {
    const isNamed = ['token', 'authorization', 'accesstoken'].includes(name.toLowerCase());
    const token = isNamed && typeof value === 'string' ? bare(value) : undefined;
    if (token !== undefined) return token;
  }
  return undefined;
}

function bare(text: string): string | undefined {
  const token = text.replace(/^bearer +/i, '');
  return token === '' || token.length > LONGEST_TOKEN ? undefined : token;
}
