import { Inject, Injectable } from '@nestjs/common';
import type { AccessTokenPayload, PayloadUpdate } from '../claims/access-token-payload.js';
import type { ClaimValidatorsOverride } from '../claims/claim-validators-override.js';
import type { ClaimValidationError } from '../claims/session-claim-validator.js';
import type { SessionClaim } from '../claims/session-claim.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import type { SessionDatabase } from '../store/session-database.js';
import { checkFlag, checkHandle, checkHandles, readOptions } from './input/function-arguments.js';
import { ClaimsByHandle, type SessionDoesNotExist } from './edit/claims-by-handle.js';
import { SessionContainerFactory } from './container/session-container.factory.js';
import type { SessionContainer } from './container/session-container.js';
import { SessionDirectory, type SessionInformation } from './verify/session-directory.js';
import { SessionEditor } from './edit/session-editor.js';
import { checkRevoker, checkTenantId, checkUserId } from './input/session-input.js';
import { checkPage, type SessionPage } from './input/session-page.js';
import { SessionIssuer } from './issue/session-issuer.js';
import {
  SessionOverview,
  type SessionExplanation,
  type SessionSummary,
} from './session-overview.js';
import { LoginsUnderWay } from './end/logins-under-way.js';
import { SessionRevoker } from './end/session-revoker.js';
import { UserEraser } from './end/user-eraser.js';
import { UserRevoker } from './end/user-revoker.js';

/** The options of revocations. @publicApi */
export interface RevokeOptions {
  /** The id of the person who does it, such as an administrator, for `explain`. At most 255 characters. */
  by?: string;
}

/** The services behind the functions below, bound to one database or one transaction. */
@Injectable()
export class SessionParts {
  constructor(
    readonly issuer: SessionIssuer,
    readonly directory: SessionDirectory,
    readonly editor: SessionEditor,
    readonly claims: ClaimsByHandle,
    readonly revoker: SessionRevoker,
    readonly userRevoker: UserRevoker,
    readonly overview: SessionOverview,
    readonly eraser: UserEraser,
    readonly containers: SessionContainerFactory,
    readonly logins: LoginsUnderWay,
    @Inject(RESOLVED_SESSION_OPTIONS) readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionParts {
    return new SessionParts(
      this.issuer.withDatabase(database),
      this.directory.withDatabase(database),
      this.editor.withDatabase(database),
      this.claims.withDatabase(database),
      this.revoker.withDatabase(database),
      this.userRevoker.withDatabase(database),
      this.overview.withDatabase(database),
      this.eraser.withDatabase(database),
      this.containers.withDatabase(database),
      this.logins,
      this.options,
    );
  }
}

/**
 * The session functions that need no request. `SessionService` has them, and `withManager` gives them for a
 * transaction.
 *
 * @publicApi
 */
export class SessionFunctions {
  /** Only the module makes it. */
  constructor(protected readonly parts: SessionParts) {}

  /**
   * Creates a session whose tokens the caller sends, from `getAllSessionTokensDangerously()`.
   *
   * @param tenantId the tenant of the session; `'public'` without tenants
   * @param userId 1 to 255 characters
   * @param accessTokenPayload claims for the access token. The browser can read them
   * @param sessionDataInDatabase data that only the server sees
   * @param disableAntiCsrf omits the anti-CSRF token, for clients that send their tokens in headers. @default false
   * @throws {SessionInputException} (400) and writes nothing
   * @throws {SessionLimitException} (403) if the user has too many sessions, with `onLimit: 'refuse'`
   * @throws {UnauthorizedSessionException} (401) in a login whose user's sessions were revoked since it began
   * @throws {SessionStoreUnavailableException} (503)
   */
  async createNewSessionWithoutRequestResponse(
    tenantId: string,
    userId: string,
    accessTokenPayload: Partial<AccessTokenPayload> = {},
    sessionDataInDatabase: object = {},
    disableAntiCsrf = false,
  ): Promise<SessionContainer> {
    checkFlag('disableAntiCsrf', disableAntiCsrf);
    const issued = await this.parts.issuer.issue({
      tenantId,
      userId,
      accessTokenPayload,
      sessionDataInDatabase,
      login: this.parts.logins.find(),
      withAntiCsrfToken: this.parts.options.antiCsrf === 'VIA_TOKEN' && !disableAntiCsrf,
    });
    return this.parts.containers.issued(issued);
  }

  /** A session in the database; `undefined` if it is unknown or over. */
  getSessionInformation(sessionHandle: string): Promise<SessionInformation | undefined> {
    return this.parts.directory.information(sessionHandle);
  }

  /**
   * The handles of a user's sessions, newest first.
   *
   * @param tenantId the only tenant. @default all tenants
   */
  getAllSessionHandlesForUser(userId: string, tenantId?: string): Promise<string[]> {
    return this.parts.directory.handlesOfUser(userId, tenantId);
  }

  /**
   * Ends a session. Its refresh token is dead at once. On this instance its access token is dead at once too. Other
   * instances refuse it within the poll interval of the revocation feed.
   *
   * @param options.by the id of the person who does it, for `explain`
   * @returns whether the session existed
   */
  async revokeSession(sessionHandle: string, options: RevokeOptions = {}): Promise<boolean> {
    return (await this.revokeMultipleSessions([sessionHandle], options)).length > 0;
  }

  /**
   * Ends several sessions: up to 200 in one transaction, and more in several.
   *
   * @returns the handles of those that existed
   */
  async revokeMultipleSessions(
    sessionHandles: readonly string[],
    options: RevokeOptions = {},
  ): Promise<string[]> {
    const handles = checkHandles('sessionHandles', sessionHandles);
    return this.parts.revoker.revoke(handles, { reason: 'revoked', detail: checkBy(options) });
  }

  /**
   * Ends all sessions of a user, including those whose login is committed a moment later.
   *
   * @param tenantId the only tenant. @default all tenants
   * @returns the handles of those that existed
   */
  async revokeAllSessionsForUser(
    userId: string,
    tenantId?: string,
    options: RevokeOptions = {},
  ): Promise<string[]> {
    const tenant = tenantId === undefined ? undefined : checkTenantId(tenantId);
    const ending = { reason: 'revoked-all', detail: checkBy(options) } as const;
    return this.parts.userRevoker.revokeAll(checkUserId(userId), tenant, ending);
  }

  /**
   * A user's sessions, newest first, for a page of their devices.
   *
   * @param tenantId the only tenant. @default all
   * @param page a part of a very long list. @default all
   * @throws {SessionInputException} (400)
   */
  async listSessions(
    userId: string,
    tenantId?: string,
    page: SessionPage = {},
  ): Promise<SessionSummary[]> {
    return this.parts.overview.list(userId, tenantId, checkPage(page));
  }

  /**
   * Ends all sessions of a user but one.
   *
   * @param exceptHandle the session that stays
   * @param tenantId the only tenant. @default all tenants
   * @returns the handles of those that existed
   */
  async revokeOtherSessions(
    userId: string,
    exceptHandle: string,
    tenantId?: string,
    options: RevokeOptions = {},
  ): Promise<string[]> {
    const tenant = tenantId === undefined ? undefined : checkTenantId(tenantId);
    const ending = { reason: 'revoked-others', detail: checkBy(options) } as const;
    const { userRevoker } = this.parts;
    const staying = checkHandle('exceptHandle', exceptHandle);
    return userRevoker.revokeAll(checkUserId(userId), tenant, ending, staying);
  }

  /**
   * Ends everyone's sessions in a tenant, including those whose login is committed a moment later. One line of the feed
   * refuses them all at once, and then their rows are deleted in batches. It reads all rows of sessions once.
   *
   * @returns the number of sessions
   */
  async revokeAllSessionsOfTenant(tenantId: string): Promise<number> {
    return this.parts.revoker.revokeAllOfTenant(checkTenantId(tenantId));
  }

  /**
   * Explains how a session ended: revoked by whom and why, theft with the presented token, or expired. The answer is
   * kept for as long as the option `endedSessionRetention` says.
   */
  explain(sessionHandle: string): Promise<SessionExplanation> {
    return this.parts.overview.explain(sessionHandle);
  }

  /**
   * Erases a user: their sessions and the logins under way end in all tenants. One line of the revocation feed still
   * names them, for those logins, until no access token of before can be valid. No other row does. Call it once nobody
   * can log in as this user, because a later login would write the name again.
   *
   * @throws {SessionStoreUnavailableException}
   */
  forgetUser(userId: string): Promise<void> {
    return this.parts.eraser.forget(userId);
  }

  /**
   * Replaces the application's own data for a session; `null` empties it.
   *
   * @returns whether the session existed
   * @throws {SessionInputException} (400) if it is `undefined`, not a plain JSON object, or too large
   */
  updateSessionDataInDatabase(sessionHandle: string, data: object | null): Promise<boolean> {
    return this.parts.editor.replaceData(sessionHandle, data);
  }

  /**
   * Merges claims into a session's payload; `null` deletes one. Tokens show it from the next refresh on.
   *
   * @returns whether the session existed
   * @throws {SessionInputException} (400) if a claim is reserved, or the token would be too large; nothing changes
   */
  mergeIntoAccessTokenPayload(sessionHandle: string, update: PayloadUpdate): Promise<boolean> {
    return this.parts.editor.mergeByHandle(sessionHandle, update);
  }

  /** Fetches a claim's value into a session. @returns whether the session existed */
  fetchAndSetClaim(sessionHandle: string, claim: SessionClaim<unknown>): Promise<boolean> {
    return this.parts.claims.fetchAndSet(sessionHandle, claim);
  }

  /**
   * Sets a claim's value in a session.
   *
   * @returns whether the session existed
   * @throws {SessionInputException} (400) if the claim can't hold the value, or the token would be too large
   */
  setClaimValue<T>(
    sessionHandle: string,
    claim: SessionClaim<T>,
    value: NoInfer<T>,
  ): Promise<boolean> {
    return this.parts.claims.set(sessionHandle, claim, value);
  }

  /** A claim's value in a session. */
  getClaimValue<T>(
    sessionHandle: string,
    claim: SessionClaim<T>,
  ): Promise<{ status: 'OK'; value: T | undefined } | SessionDoesNotExist> {
    return this.parts.claims.get(sessionHandle, claim);
  }

  /** Removes a claim from a session. @returns whether the session existed */
  removeClaim(sessionHandle: string, claim: SessionClaim<unknown>): Promise<boolean> {
    return this.parts.claims.remove(sessionHandle, claim);
  }

  /**
   * Tells the sessions that a user's claims have changed, such as their roles. The registered claims are fetched again
   * at the user's next request, on each instance within the poll interval of the revocation feed. That includes claims
   * that a session has no value of. Nobody is logged out.
   */
  markClaimsStale(userId: string): Promise<void> {
    return this.parts.claims.markStale(userId);
  }

  /** Checks a session's claims, after fetching those that are missing or too old. */
  validateClaimsForSessionHandle(
    sessionHandle: string,
    overrideGlobalClaimValidators?: ClaimValidatorsOverride<SessionInformation>,
  ): Promise<{ status: 'OK'; invalidClaims: ClaimValidationError[] } | SessionDoesNotExist> {
    return this.parts.claims.validate(sessionHandle, overrideGlobalClaimValidators);
  }
}

function checkBy(options: RevokeOptions): string | undefined {
  const { by } = readOptions(options, ['by']);
  return by === undefined ? undefined : checkRevoker(by);
}
