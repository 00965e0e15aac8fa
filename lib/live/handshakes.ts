import { Injectable } from '@nestjs/common';
import { SessionException } from '../errors/session.exception.js';
import { RequestVerification } from '../http/verify/request-verification.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';

// No access token is longer, so a client's text is not searched further.
const LONGEST_TOKEN = 8_192;

/** Finds the session that opens a socket. */
@Injectable()
export class Handshakes {
  constructor(
    private readonly verification: RequestVerification<ReadonlySession>,
    private readonly refusals: SessionRefusals,
  ) {}

  /**
   * A refusal is reported, so the client gets no other chance.
   *
   * @param asked the requirements of each gateway behind the socket
   * @param shown the token that the client sent apart from its handshake, if it is one: it replaces cookies
   * @returns `undefined` if there is no session, and none is required
   * @throws {SessionException}
   */
  verify(
    request: unknown,
    asked: readonly VerifySessionOptions[],
    shown?: unknown,
  ): Promise<ReadonlySession | undefined> {
    return this.find(request, asked, shown).catch((error: unknown) => this.refuse(error));
  }

  /** The same without a report, for a client that is not refused, or not yet. */
  async find(
    request: unknown,
    asked: readonly VerifySessionOptions[],
    shown?: unknown,
  ): Promise<ReadonlySession | undefined> {
    const [first, ...others] = asked;
    const ofAll = {
      ...first,
      // A guest's messages are judged one by one, also by the gateways that require a session.
      sessionRequired: asked.every(({ sessionRequired }) => sessionRequired !== false),
      checkDatabase: asked.some(({ checkDatabase }) => checkDatabase === true),
    };
    const session = await this.verification.findInHandshake(request, ofAll, tokenIn(shown));
    for (const { overrideGlobalClaimValidators } of others) {
      if (session === undefined) break;
      await this.verification.claims.assertIn(session, overrideGlobalClaimValidators);
    }
    return session;
  }

  /** The same where nothing is required: an expired token counts as none. An outage makes nobody a guest. */
  async findIfGood(
    request: unknown,
    asked: readonly VerifySessionOptions[],
    shown?: unknown,
  ): Promise<ReadonlySession | undefined> {
    try {
      return await this.find(request, asked, shown);
    } catch (error) {
      return isOutage(error) ? this.refuse(error) : undefined;
    }
  }

  /** @throws the error that it was given */
  refuse(error: unknown): never {
    return this.refusals.rethrow('handshake', error);
  }
}

/** Whether an error tells nothing of the client's session. */
export function isOutage(error: unknown): boolean {
  return !(error instanceof SessionException) || error.getStatus() >= 500;
}

/** The access token in a client's message: alone, or as `token`, `authorization` or `accessToken`. */
export function tokenIn(shown: unknown): string | undefined {
  if (typeof shown === 'string') return bare(shown);
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown)) return undefined;
  // Each byte of a binary message would count as a property.
  if (ArrayBuffer.isView(shown)) return undefined;
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
