import { Inject, Injectable } from '@nestjs/common';
import type { AccessTokenPayload, PayloadUpdate } from '../../claims/access-token-payload.js';
import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { validateClaims } from '../../claims/validate-claims.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import type { RefusedSession } from '../../errors/session.exception.js';
import type { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { checkClaim } from '../input/function-arguments.js';
import type { JsonObject } from '../input/json-object.js';
import { SessionDirectory } from '../verify/session-directory.js';
import { SessionEditor } from '../edit/session-editor.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import { SessionRevoker } from '../end/session-revoker.js';
import type { MintedTokens } from '../mint/minted-tokens.js';
import { TOKEN_CARRIERS, type TokenCarrier, type TokenCarrierFactory } from './token-carrier.js';

// Each one signs a token of which the client gets the last. A request to GraphQL can name a mutation any number of times.
const MAX_MERGES = 50;

// What `util.inspect`, and so `console.log`, looks for (Node's documentation of util.inspect.custom).
const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom');

/** The tokens of a session as `getAllSessionTokensDangerously` gives them. @publicApi */
export interface AllSessionTokens {
  /** Whether there is a new access token, and so a new front token, for the client. */
  accessAndFrontTokenUpdated: boolean;
  accessToken: string;
  frontToken: string;
  /** Only after creating and refreshing. */
  refreshToken?: string;
  /** Only after creating and refreshing, with anti-CSRF by token. */
  antiCsrfToken?: string;
}

/** What a container works with. */
@Injectable()
export class ContainerParts {
  constructor(
    @Inject(TOKEN_CARRIERS) readonly carriers: TokenCarrierFactory,
    readonly directory: SessionDirectory,
    readonly editor: SessionEditor,
    readonly revoker: SessionRevoker,
    readonly minter: AccessTokenMinter,
    readonly refusals: SessionRefusals,
    readonly clock: Clock,
  ) {}
}

/** The access token that a container speaks for, and, where they are new, the other tokens. */
export type ContainerTokens = {
  accessToken: string;
  claims: Readonly<AccessTokenClaims>;
} & Partial<MintedTokens>;

/**
 * A live session in the application's hands. What comes from the access token is there at once; what comes from the
 * database is asynchronous, and throws `UnauthorizedSessionException` where the session has ended meanwhile.
 *
 * @publicApi
 */
export class SessionContainer {
  private carrier: TokenCarrier | undefined;
  private merges = 0;

  /** @internal made by the session service, the guard and `@CreateSession` */
  constructor(
    private tokens: ContainerTokens,
    private newTokens: MintedTokens | undefined,
    private readonly parts: ContainerParts,
  ) {
    // Libraries that make objects of classes call it with nothing, and what they make must not pass for a session.
    if (!(parts instanceof ContainerParts)) {
      throw new TypeError('a SessionContainer is made by the SessionModule alone');
    }
  }

  /** The session's handle: it names the session and is no credential. */
  getHandle(): string {
    return this.tokens.claims.sessionHandle;
  }

  getUserId(): string {
    return this.tokens.claims.sub;
  }

  getTenantId(): string {
    return this.tokens.claims.tId;
  }

  getAccessToken(): string {
    return this.tokens.accessToken;
  }

  /** The whole payload of the access token, frozen: the reserved claims and the user's own. */
  getAccessTokenPayload(): Readonly<AccessTokenPayload> {
    return this.tokens.claims;
  }

  /** Every token of the session, to be sent by the caller. Whoever gets them is the user. */
  getAllSessionTokensDangerously(): AllSessionTokens {
    const { accessToken, claims, refreshToken, antiCsrfToken } = this.tokens;
    return {
      accessAndFrontTokenUpdated: this.newTokens !== undefined,
      accessToken,
      frontToken: this.tokens.frontToken ?? this.parts.minter.frontTokenFor(claims),
      ...(refreshToken === undefined ? {} : { refreshToken }),
      ...(antiCsrfToken === undefined ? {} : { antiCsrfToken }),
    };
  }

  /** What the server keeps for the session and no client sees. */
  async getSessionDataFromDatabase(): Promise<JsonObject> {
    return { ...(await this.record()).sessionData };
  }

  /**
   * Replaces what the server keeps for the session.
   *
   * @throws {SessionInputException} (400) when it is no plain JSON object, or too large
   */
  async updateSessionDataInDatabase(data: object): Promise<void> {
    if (!(await this.parts.editor.replaceData(this.getHandle(), data))) throw this.gone();
  }

  /** When the session was created, in milliseconds since the epoch. */
  async getTimeCreated(): Promise<number> {
    return (await this.record()).createdAtMs;
  }

  /** When the session ends without another refresh, in milliseconds since the epoch. */
  async getExpiry(): Promise<number> {
    return (await this.record()).expiresAtMs;
  }

  /**
   * Merges claims into the payload, in the database and in a new access token for the client; `null` deletes a claim.
   *
   * @throws {SessionInputException} (400) when a claim is reserved, or the token would be too large; nothing changes
   */
  async mergeIntoAccessTokenPayload(update: PayloadUpdate): Promise<void> {
    this.merges += 1;
    if (this.carrier !== undefined && this.merges > MAX_MERGES) {
      throw new SessionInputException('update', `was merged ${MAX_MERGES} times for one answer`);
    }
    const edited = await this.parts.editor.mergeForToken(this.tokens.claims, update);
    if (edited === undefined) throw this.gone();
    this.renew(edited.tokens);
  }

  /**
   * Checks claims, after fetching those that are missing or too old.
   *
   * @throws {InvalidClaimsException} (403) with every failure
   */
  async assertClaims(validators: readonly SessionClaimValidator[]): Promise<void> {
    const { invalidClaims, accessTokenPayloadUpdate } = await validateClaims({
      validators,
      subject: this.claimSubject(),
      nowMs: this.parts.clock.now(),
    });
    if (accessTokenPayloadUpdate !== undefined) {
      await this.mergeIntoAccessTokenPayload(accessTokenPayloadUpdate);
    }
    if (invalidClaims.length > 0) {
      throw this.parts.refusals.invalidClaims(invalidClaims, refusedSession(this.tokens.claims));
    }
  }

  /** Fetches a claim's value and puts it into the session. */
  async fetchAndSetClaim(claim: SessionClaim<unknown>): Promise<void> {
    const update = await checkClaim(claim).build(this.claimSubject(), this.parts.clock.now());
    await this.mergeIntoAccessTokenPayload(update);
  }

  async setClaimValue<T>(claim: SessionClaim<T>, value: NoInfer<T>): Promise<void> {
    const update = checkClaim(claim).addToPayload({}, value, this.parts.clock.now());
    await this.mergeIntoAccessTokenPayload(update);
  }

  /** A claim's value, from the access token. */
  getClaimValue<T>(claim: SessionClaim<T>): T | undefined {
    return checkClaim(claim).getValueFromPayload(this.tokens.claims);
  }

  async removeClaim(claim: SessionClaim<unknown>): Promise<void> {
    await this.mergeIntoAccessTokenPayload(checkClaim(claim).removeFromPayloadByMerge({}));
  }

  /** Ends the session, and removes its tokens from the client where it is attached to a response that has not been sent. */
  async revokeSession(): Promise<void> {
    await this.parts.revoker.revoke([this.getHandle()], { reason: 'revoked' });
    this.carrier?.clearTokens();
  }

  /** Binds the session to a response: new tokens are written to it, now and whenever they change. */
  attachToRequestResponse(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header' = 'cookie',
  ): void {
    this.carrier = this.parts.carriers.carrierFor(request, response, transferMethod);
    if (this.newTokens !== undefined) this.carrier.writeTokens(this.newTokens);
  }

  /** What JSON and `console.log` show: whose session it is, and neither its tokens nor a key (ASVS 16.2.5). */
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

  private renew(tokens: MintedTokens): void {
    this.newTokens = { ...this.newTokens, ...tokens };
    this.tokens = { ...this.tokens, ...tokens };
    this.carrier?.writeTokens(this.newTokens);
  }

  private async record(): Promise<SessionRecord> {
    const record = await this.parts.directory.find(this.getHandle());
    if (record === undefined) throw this.gone();
    return record;
  }

  private claimSubject() {
    const { claims } = this.tokens;
    return { userId: claims.sub, tenantId: claims.tId, accessTokenPayload: claims };
  }

  private gone(): UnauthorizedSessionException {
    const session = refusedSession(this.tokens.claims);
    return this.parts.refusals.unauthorized('session-over', { clearTokens: true, session });
  }
}

function refusedSession({ sessionHandle, sub }: Readonly<AccessTokenClaims>): RefusedSession {
  return { sessionHandle, userId: sub };
}
