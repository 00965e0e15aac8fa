import { Inject, Injectable, Logger } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { InvalidClaimsException } from '../errors/invalid-claims.exception.js';
import { SessionInputException } from '../errors/session-input.exception.js';
import { SessionIssuerUnavailableException } from '../errors/session-issuer-unavailable.exception.js';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import { TryRefreshTokenException } from '../errors/try-refresh-token.exception.js';
import { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { isApplicationGuarded } from '../http/decorators/verify-session.metadata.js';
import { GuardedRoutes } from '../http/routes/guarded-routes.js';
import type { HandlerOfClass } from '../http/routes/handlers-of-class.js';
import { RequestVerification } from '../http/verify/request-verification.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import {
  STALE_CLAIMS_POLICY,
  type StaleClaimsPolicy,
} from '../session/container/stale-claims-policy.js';
import {
  VERIFIED_SESSIONS,
  type VerifiedSessions,
} from '../session/container/verified-sessions.js';
import type { HeldRow } from '../store/session-outline.js';
import { Clock } from '../time/clock.js';
import { LogThrottle } from '../time/log-throttle.js';
import { MINUTE_MS } from '../time/units.js';
import { judgedSession } from '../verification/judged-session.js';
import { KNOWN_REVOCATIONS, type TellingRevocations } from '../verification/known-revocations.js';
import type { LiveEnd, LiveEndReason, SessionEnds } from '../verification/session-ends.js';
import { endOf } from './end-of-session.js';
import { FewAtOnce } from './few-at-once.js';
import { OpenSessions } from './open-sessions.js';
import { TimelyWork } from './timely-work.js';

/** A connection's requirements on its session's claims, as long as it is open. */
type AskedOfClaims = Pick<VerifySessionOptions, 'overrideGlobalClaimValidators'> | undefined;

interface Watching {
  /** Whether the claims have just been judged by these requirements. @default true */
  readonly isJudged?: boolean;
}

// After an outage all connections ask at once, of a database that has just come back.
const MOST_RENEWALS = 20;
// A fetch that never ends must not keep a turn.
const LONGEST_TURN_MS = 1_000;

// Of several modules in an application, the one that the session belongs to.
const byEnds = new WeakMap<SessionEnds, OpenClaims>();

/**
 * Holds sessions open together with the requirements on their claims. A connection ends if the claims change, or grow
 * too old, so that it would not be admitted again. Stale claims are fetched once for a session, however many connections
 * hold it.
 */
@Injectable()
export class OpenClaims {
  private readonly again = new Set<() => void>();
  private readonly turns = new FewAtOnce(MOST_RENEWALS, LONGEST_TURN_MS);
  private readonly timely = new TimelyWork();
  private readonly logger = new Logger('SessionModule');
  private readonly throttle: LogThrottle;

  constructor(
    private readonly sessions: OpenSessions,
    private readonly verification: RequestVerification<ReadonlySession>,
    private readonly routes: GuardedRoutes,
    @Inject(STALE_CLAIMS_POLICY) private readonly policy: StaleClaimsPolicy<ReadonlySession>,
    @Inject(VERIFIED_SESSIONS) private readonly verified: VerifiedSessions<ReadonlySession>,
    @Inject(KNOWN_REVOCATIONS) private readonly revocations: TellingRevocations,
    private readonly clock: Clock,
    private readonly config: ApplicationConfig,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {
    this.throttle = new LogThrottle(clock, MINUTE_MS);
    byEnds.set(sessions, this);
    // If a database was away, the next beat checks again.
    revocations.onNews((news) => {
      if (news.length > 0) return;
      const due = [...this.again];
      this.again.clear();
      for (const check of due) check();
    });
  }

  /**
   * A handler's requirements, in the session's own module. The request does not tell: subscriptions that open together
   * on one socket share it.
   */
  static askedBy(handler: HandlerOfClass, session: ReadonlySession): AskedOfClaims {
    return byEnds.get(session.live.ends)?.routes.of(handler)?.asked;
  }

  /** Whether a guard judges each message of the handler. */
  static isGuarded(handler: HandlerOfClass, session: ReadonlySession): boolean {
    const claims = byEnds.get(session.live.ends);
    const route = claims?.routes.of(handler);
    if (claims === undefined || route === undefined) return false;
    return route.isDeclared || isApplicationGuarded(claims.config);
  }

  /** Calls once when the session ends, or when its claims no longer satisfy the requirements. */
  static watch(
    session: ReadonlySession,
    asked: AskedOfClaims,
    onEnd: (end: LiveEnd) => void,
    how: Watching = {},
  ): Disposable {
    const { held, ends } = session.live;
    const claims = byEnds.get(ends);
    if (claims === undefined) return ends.watch(held, onEnd);
    return claims.watch(session, asked, onEnd, how);
  }

  private watch(
    session: ReadonlySession,
    asked: AskedOfClaims,
    onEnd: (end: LiveEnd) => void,
    { isJudged = true }: Watching,
  ): Disposable {
    const isAsked = this.verification.claims.areAsked(asked?.overrideGlobalClaimValidators);
    let isOpen = true;
    let judged = session.live.held.claims;
    let failingSinceMs: number | undefined;
    const endBy = (fault: LiveEndReason): void => {
      dispose();
      onEnd(endOf(judgedSession(judged), fault, this.clock.now(), this.options));
    };
    const failed = (error: unknown, again: () => void): void => {
      if (!isOpen) return;
      failingSinceMs = this.failingSinceMs(error, failingSinceMs);
      const failsForMs = this.clock.now() - (failingSinceMs ?? Number.POSITIVE_INFINITY);
      if (isAsked && failsForMs >= this.revocations.maxStalenessMs) endBy('claims');
      else this.again.add(again);
    };
    const check = (): void => {
      if (!isOpen) return;
      this.findFault(session, asked, isAsked).then(
        (fault) => {
          judged = session.live.held.claims;
          failingSinceMs = undefined;
          if (fault !== undefined && isOpen) endBy(fault);
        },
        (error: unknown) => failed(error, check),
      );
    };
    const takeRow = (row: HeldRow): void => {
      if (!isOpen) return;
      this.verified.takeRow(session, row).then(
        // Time alone may have made them too old. A message may have changed them before.
        () => (isAsked || session.live.held.claims !== judged) && check(),
        (error: unknown) => failed(error, () => takeRow(row)),
      );
    };
    const end = (why: LiveEnd): void => {
      if (!isOpen) return;
      isOpen = false;
      onEnd(why);
    };
    const watching = this.sessions.watch(session.live.held, end, {
      onStaleClaims: check,
      onRow: takeRow,
    });
    const dispose = (): void => {
      isOpen = false;
      this.again.delete(check);
      watching[Symbol.dispose]();
    };
    // They may have become stale since they were verified.
    const isStale = this.revocations.staleClaimsSinceMs(session.getUserId()) !== undefined;
    if (isStale || !isJudged) check();
    return { [Symbol.dispose]: dispose };
  }

  // A database that is away may be the reason of any error: that of the sessions is often the application's, too.
  private failingSinceMs(error: unknown, sinceMs: number | undefined): number | undefined {
    const isOutage =
      error instanceof SessionStoreUnavailableException ||
      error instanceof SessionIssuerUnavailableException;
    if (!isOutage) this.tell(error);
    return isOutage || this.revocations.isStale ? undefined : (sinceMs ?? this.clock.now());
  }

  // Without its message, which may tell of the user.
  private tell(error: unknown): void {
    const { name = 'Value', stack = '' }: Partial<Error> = error instanceof Error ? error : {};
    if (!this.throttle.admits(name)) return;
    this.logger.error(
      `The claims of an open connection could not be fetched or judged: ${name}. The next ${name} is told after a minute`,
      stack
        .split('\n')
        .filter((line) => /^\s+at /.test(line))
        .join('\n'),
    );
  }

  private async findFault(
    session: ReadonlySession,
    asked: AskedOfClaims,
    isAsked: boolean,
  ): Promise<LiveEndReason | undefined> {
    try {
      // Also if none are asked: a message may ask for a role long after the feed has forgotten that it was taken.
      // Holders of one token are called in one turn, and share a fetch. Each has claims of its own.
      await this.turns.run(() => this.timely.run(session, () => this.judge(session, asked)));
      return undefined;
    } catch (error) {
      if (!isAsked && error instanceof TryRefreshTokenException) return undefined;
      if (error instanceof InvalidClaimsException) return 'claims';
      // The token has no room for what was fetched, and a request is refused for that.
      if (error instanceof SessionInputException) return isAsked ? 'claims' : undefined;
      if (error instanceof TryRefreshTokenException) return 'claims-stale';
      if (error instanceof UnauthorizedSessionException) return 'revoked';
      throw error;
    }
  }

  private async judge(session: ReadonlySession, asked: AskedOfClaims): Promise<void> {
    await this.policy.renewIn(session);
    await this.verification.claims.assertIn(session, asked?.overrideGlobalClaimValidators);
  }
}
