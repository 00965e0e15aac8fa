import type { AccessTokenPayload, ReservedClaims } from '../../claims/access-token-payload.js';
import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { isBoundToDevice } from '../../tokens/access-token.js';
import type { Closing, HeldSession, SessionEnds } from '../../verification/session-ends.js';
import { checkClaim } from '../input/function-arguments.js';
import { closingIn } from './closing.js';

// `util.inspect`, and so `console.log`, looks for this symbol (Node's documentation of util.inspect.custom).
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** The person who acts in a session as its user. @publicApi */
export interface SessionActorIdentity {
  userId: string;
  tenantId: string;
  /** Their own session. This one ends with it. */
  sessionHandle: string;
}

/**
 * A live session as its access token describes it, also in a service without a database. Nothing here writes, or waits
 * for anything except validators.
 *
 * @publicApi
 */
export abstract class ReadonlySession {
  private scope: Closing | undefined;
  private signal: AbortSignal | undefined;

  /** @internal the access token that identifies it */
  protected abstract readonly spoken: HeldSession;
  /** @internal the service that reports its end */
  protected abstract readonly ends: SessionEnds;

  /** The session's handle. It names the session and is not a credential. */
  getHandle(): string {
    return this.spoken.claims.sessionHandle;
  }

  getUserId(): string {
    return this.spoken.claims.sub;
  }

  getTenantId(): string {
    return this.spoken.claims.tId;
  }

  getAccessToken(): string {
    return this.spoken.accessToken;
  }

  /** The whole payload of the access token, frozen: the reserved claims and the user's own. */
  getAccessTokenPayload(): Readonly<ReservedClaims & AccessTokenPayload> {
    return this.spoken.claims as Readonly<ReservedClaims & AccessTokenPayload>;
  }

  /** Whether the session is bound to a key of its device (`deviceBinding`), as its access token says. */
  isBound(): boolean {
    return isBoundToDevice(this.spoken.claims);
  }

  /**
   * The person who acts in the session as its user, by `impersonate`; `undefined` in the user's own session. `explain` and the
   * list of sessions show the reason.
   */
  getActor(): SessionActorIdentity | undefined {
    const { act } = this.spoken.claims;
    return act && { userId: act.sub, tenantId: act.tId, sessionHandle: act.sid };
  }

  /** A claim's value, from the access token. */
  getClaimValue<T>(claim: SessionClaim<T>): T | undefined {
    return checkClaim(claim).getValueFromPayload(this.spoken.claims);
  }

  /**
   * Checks claims.
   *
   * @throws {InvalidClaimsException} with every failure
   */
  abstract assertClaims(validators: readonly SessionClaimValidator[]): Promise<void>;

  /**
   * A signal that is aborted when the session ends, on any instance. Use it for a job, an upload or a long poll that
   * must not outlast the session. Its reason is a `SessionEndedException`. A request's session releases it with the
   * answer, and a socket's session with the socket. Any other session keeps it until its end. A session that is bound to
   * a device, or in which somebody acts as the user, aborts it with its access token (`token-expired`).
   * `live: { until: 'token' }` does so for all.
   */
  get ended(): AbortSignal {
    this.signal ??= this.ends.signalOf(this.spoken, this.scope);
    return this.signal;
  }

  /** @internal the token that holds it open, and the service that reports its end */
  get live(): { readonly held: HeldSession; readonly ends: SessionEnds } {
    return { held: this.spoken, ends: this.ends };
  }

  /** @internal the object that holds it: nobody asks for the session's end after that has closed */
  bindTo(scope: unknown): void {
    this.scope = closingIn(scope);
  }

  /** The form for JSON and `console.log`: it identifies the session, without its tokens or a key (ASVS 16.2.5). */
  toJSON(): { sessionHandle: string; userId: string; tenantId: string } {
    return {
      sessionHandle: this.getHandle(),
      userId: this.getUserId(),
      tenantId: this.getTenantId(),
    };
  }

  [INSPECT](): object {
    return this.toJSON();
  }
}
