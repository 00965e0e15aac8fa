import { Injectable } from '@nestjs/common';
import { RequestVerification } from '../http/verify/request-verification.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { watchSession } from '../session/container/watch-session.js';
import type { LiveEnd } from '../verification/session-ends.js';
import { IssuerFeed } from './issuer-feed.js';
import { IssuerKeys } from './issuer-keys.js';

/** The state of the connection to the issuer. @publicApi */
export interface SessionVerificationHealth {
  /** How long ago the issuer reported its keys, in milliseconds; `undefined`: they have never been read. */
  keysAgeMs: number | undefined;
  /** The age of the news of revocations; `undefined`: there is none. */
  revocationsAgeMs: number | undefined;
  /** Whether requests get 503, because the news is too old. */
  isStale: boolean;
}

/** Verifies sessions by hand, in code without a guard. @publicApi */
@Injectable()
export class SessionVerification {
  /** @internal */
  constructor(
    private readonly verification: RequestVerification<ReadonlySession>,
    private readonly feed: IssuerFeed,
    private readonly keys: IssuerKeys,
  ) {}

  /**
   * The session of an access token.
   *
   * @param options.sessionRequired `false`: without a token there is no session, and a text that no key of the issuer
   * made counts as none. One of its tokens that is not accepted is refused, also if its key is unknown
   * @returns `undefined` only with `sessionRequired: false`
   * @throws {UnauthorizedSessionException} (401) without a token, also for a text that has not the form of one
   * @throws {TryRefreshTokenException} (401) for a token that is not accepted
   * @throws {InvalidClaimsException}
   * @throws {SessionIssuerUnavailableException} (503)
   */
  verify(accessToken: string, options?: { sessionRequired?: true }): Promise<ReadonlySession>;
  verify(
    accessToken: string,
    options?: { sessionRequired?: boolean },
  ): Promise<ReadonlySession | undefined>;
  async verify(
    accessToken: string,
    options: { sessionRequired?: boolean } = {},
  ): Promise<ReadonlySession | undefined> {
    const asked: VerifySessionOptions = { ...options, antiCsrfCheck: false };
    return this.verification.verifyWithoutRequest(accessToken, undefined, asked);
  }

  /**
   * Calls once when a session ends: by a revocation in the issuer's feed, or with its access token. Dispose of the
   * result to end the watch.
   *
   * @param onEnd receives the reason, and the error for clients. If it throws, or returns a promise that rejects, the
   * log says so
   * @throws {SessionInputException} if the argument is not a session, or not a function
   */
  watch(session: ReadonlySession, onEnd: (end: LiveEnd) => void): Disposable {
    return watchSession(session, onEnd);
  }

  /** For a health endpoint. */
  health(): SessionVerificationHealth {
    return {
      keysAgeMs: finite(this.keys.ageMs),
      revocationsAgeMs: finite(this.feed.ageMs),
      isStale: this.feed.isStale,
    };
  }
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
