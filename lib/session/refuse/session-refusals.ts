import { Inject, Injectable, Logger } from '@nestjs/common';
import { InvalidClaimsException } from '../../errors/invalid-claims.exception.js';
import type { RefusalReason } from '../../errors/refusal-reason.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import { SessionException, type RefusedSession } from '../../errors/session.exception.js';
import { TokenTheftDetectedException } from '../../errors/token-theft-detected.exception.js';
import { TryRefreshTokenException } from '../../errors/try-refresh-token.exception.js';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import { SessionEventBus } from '../../events/session-event-bus.js';
import type { RefusedAt } from '../../events/session-events.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../../options/resolved-options.js';
import { Clock } from '../../time/clock.js';
import { LogThrottle } from '../../time/log-throttle.js';

const WARNED_EVERY_MS = 60_000;
const CSRF_CURE =
  "Is the page's origin missing in `trustedOrigins`, or does a proxy not pass the host on " +
  '(nginx: `proxy_set_header Host $http_host;`)?';
const WARNINGS: Partial<Record<RefusalReason, { readonly cause: string; readonly cure: string }>> =
  {
    'cross-site': { cause: 'A page of another origin was refused', cure: CSRF_CURE },
    'anti-csrf': { cause: 'The anti-CSRF check refused a request', cure: CSRF_CURE },
    'pending-limit': {
      cause: 'A socket was turned away, because too many wait for their token',
      cure: 'Raise `live.pending`, unless they are strangers who show none.',
    },
    'verification-timeout': {
      cause: 'A socket could not be judged within a minute',
      cure: 'Give `fetchValue` and the validators of your claims a time limit.',
    },
  };

// The module that reported an error first also answers it, by its own options, if an application has several.
const owners = new WeakMap<SessionException, SessionRefusals>();

/** Makes the exceptions that refuse a request, with the module's statuses, and reports them to operators. */
@Injectable()
export class SessionRefusals {
  private readonly logger = new Logger('SessionModule');
  private readonly throttle: LogThrottle;

  constructor(
    private readonly events: SessionEventBus,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {
    this.throttle = new LogThrottle(clock, WARNED_EVERY_MS);
  }

  /** @param clearTokens only if the session is proven dead, so that a good one is never taken away */
  unauthorized(
    reason: RefusalReason,
    { clearTokens, session }: { clearTokens: boolean; session?: RefusedSession | undefined },
  ): UnauthorizedSessionException {
    const status = this.options.sessionExpiredStatusCode;
    return new UnauthorizedSessionException({ reason, clearTokens, status, session });
  }

  tryRefresh(reason: RefusalReason, session?: RefusedSession): TryRefreshTokenException {
    const status = this.options.sessionExpiredStatusCode;
    return new TryRefreshTokenException({ reason, status, session });
  }

  invalidClaims(
    errors: readonly { id: string; reason?: unknown }[],
    session: RefusedSession,
  ): InvalidClaimsException {
    return new InvalidClaimsException(errors, this.options.invalidClaimStatusCode, session);
  }

  /** Somebody acts as the user, but the action is reserved for the user. */
  impersonated(session: { getHandle(): string; getUserId(): string }): InvalidClaimsException {
    const reason = { message: 'impersonated' };
    return this.invalidClaims([{ id: 'act', reason }], {
      sessionHandle: session.getHandle(),
      userId: session.getUserId(),
    });
  }

  theft({ sessionHandle, userId }: RefusedSession): TokenTheftDetectedException {
    const status = this.options.sessionExpiredStatusCode;
    return new TokenTheftDetectedException(sessionHandle, userId, status);
  }

  /** Sets the status of an error that the application threw, by the module's options. */
  applyConfiguredStatus(exception: SessionException): void {
    const { statusOption } = exception;
    if (statusOption !== undefined) exception.answerWith(this.options[statusOption]);
  }

  /** Reports each refusal once, however many layers it passes. Other errors are left alone. */
  report(at: RefusedAt, error: unknown): void {
    if (!(error instanceof SessionException) || owners.has(error)) return;
    owners.set(error, this);
    const { code, reason, refusedSession } = error;
    this.events.emit('refused', { at, code, reason, atMs: this.clock.now(), ...refusedSession });
    this.log(at, error);
  }

  /** Whether this module reported an error, or another one did; `undefined`: none did. */
  owns(exception: SessionException): boolean | undefined {
    const owner = owners.get(exception);
    return owner && owner === this;
  }

  /** The same for a `catch`. @throws the error that it was given */
  rethrow(at: RefusedAt, error: unknown): never {
    this.report(at, error);
    throw error;
  }

  private log(at: RefusedAt, error: SessionException): void {
    const { code, reason, refusedSession } = error;
    const isOutage = error instanceof SessionStoreUnavailableException;
    if (isOutage && reason !== 'verification-timeout') this.tellOfOutage(error);
    if (reason === 'token-theft') {
      this.logger.warn(
        `Token theft detected: session ${refusedSession?.sessionHandle} was revoked, because a spent refresh token came back`,
      );
    }
    const warning = WARNINGS[reason];
    if (warning !== undefined && this.throttle.admits(`${reason} ${at}`)) {
      this.logger.warn(
        `${warning.cause} (${at}). ${warning.cure} The next warning of this kind comes after a minute`,
      );
    }
    if (!mayLogDebug()) return;
    const session = refusedSession === undefined ? '' : `, session ${refusedSession.sessionHandle}`;
    this.logger.debug(`Refused (${at}): ${code}, ${reason}${session}`);
  }

  // Nest logs no HTTP exception. A log line for each request would fill the disk, which may itself be the trouble.
  private tellOfOutage({ reason, cause }: SessionStoreUnavailableException): void {
    // A request for the JWKS, which anybody may send, must not use up the line about the database.
    if (!this.throttle.admits(reason)) return;
    if (reason === 'keys-unreadable') {
      this.logger.error(
        "Sessions can't open their keys in the database, and answer 503. Is `encryptionKey` the one that encrypted them? An earlier line names each key",
      );
      return;
    }
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    this.logger.error(`Sessions can't reach their database, and answer 503${why}`);
  }
}

// Until an application sets levels, Nest 11 answers "no" for each of them, which tells nothing about its logger.
function mayLogDebug(): boolean {
  return Logger.isLevelEnabled('debug') || !Logger.isLevelEnabled('fatal');
}
