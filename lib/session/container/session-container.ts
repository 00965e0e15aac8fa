import type { PayloadUpdate } from '../../claims/access-token-payload.js';
import { withoutChanged } from '../../claims/changed-meanwhile.js';
import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { validateClaims } from '../../claims/validate-claims.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import type { RefusedSession } from '../../errors/session.exception.js';
import type { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import type { SessionRecord } from '../../store/session-record.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import { checkClaim, claimUpdate } from '../input/function-arguments.js';
import type { JsonObject } from '../input/json-object.js';
import { ReadonlySession } from './readonly-session.js';
import type { MintedTokens } from '../mint/minted-tokens.js';
import type { HeldSession, SessionEnds } from '../../verification/session-ends.js';
import { ContainerParts } from './container-parts.js';
import { endByThemselves } from './own-ends.js';
import type { TokenCarrier } from './token-carrier.js';

// Each merge signs a token, and the client gets only the last one. A GraphQL request can name a mutation any number of
// times.
const MAX_MERGES = 50;

/** The tokens of a session from `getAllSessionTokensDangerously`. @publicApi */
export interface AllSessionTokens {
  /** Whether the client needs a new access token, and so a new front token. */
  accessAndFrontTokenUpdated: boolean;
  accessToken: string;
  frontToken: string;
  /** Only after creating and refreshing. */
  refreshToken?: string;
  /** Only after creating and refreshing, with anti-CSRF by token. */
  antiCsrfToken?: string;
}

/** The access token of a container, and the other tokens if they are new. */
export type ContainerTokens = {
  accessToken: string;
  claims: Readonly<AccessTokenClaims>;
} & Partial<MintedTokens>;

type UpdateOf = (payload: Readonly<JsonObject>) => PayloadUpdate;

interface Renewal {
  merge(updateOf: UpdateOf): Promise<void>;
  adopt(other: SessionContainer): void;
  take(tokens: MintedTokens): void;
  limit(): void;
  countAnew(): void;
}

/**
 * A live session in the application's code. Properties from the access token are available at once. Those from the
 * database are asynchronous, and throw `UnauthorizedSessionException` if the session has ended meanwhile.
 *
 * @publicApi
 */
export class SessionContainer extends ReadonlySession {
  private carrier: TokenCarrier | undefined;
  private merges: number | undefined;

  /** @internal the session service, the guard and `@CreateSession` make it */
  constructor(
    private tokens: ContainerTokens,
    private newTokens: MintedTokens | undefined,
    private readonly given: ContainerParts,
  ) {
    super();
    // Libraries that instantiate classes call this without arguments, and the result must not pass for a session.
    if (!(given instanceof ContainerParts)) {
      throw new TypeError('only the SessionModule can make a SessionContainer');
    }
  }

  /** Every token of the session, for the caller to send. Anyone who has them can act as the user. */
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

  /** The application's own data for the session, which no client sees. */
  async getSessionDataFromDatabase(): Promise<JsonObject> {
    return { ...(await this.record()).sessionData };
  }

  /**
   * Replaces the application's own data for the session; `null` empties it.
   *
   * @throws {SessionInputException} (400) if it is `undefined`, not a plain JSON object, or too large
   */
  async updateSessionDataInDatabase(data: object | null): Promise<void> {
    if (!(await this.parts.editor.replaceData(this.getHandle(), data))) throw await this.gone();
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
   * @throws {SessionInputException} (400) if a claim is reserved, or the token would be too large; nothing changes
   */
  mergeIntoAccessTokenPayload(update: PayloadUpdate): Promise<void> {
    return this.merge(() => update);
  }

  /**
   * Checks claims, after fetching those that are missing or too old.
   *
   * @throws {InvalidClaimsException} with every failure, also where what was fetched can't be kept
   */
  override async assertClaims(validators: readonly SessionClaimValidator[]): Promise<void> {
    const subject = this.claimSubject();
    const nowMs = this.parts.clock.now();
    const { invalidClaims, accessTokenPayloadUpdate } = await validateClaims({
      validators,
      subject,
      registered: this.parts.registry.claims,
      nowMs,
    });
    try {
      if (accessTokenPayloadUpdate !== undefined) {
        const update = withoutChanged(accessTokenPayloadUpdate, subject.accessTokenPayload, nowMs);
        // A stream's claims are checked again and again, long after its answer has begun.
        await (this.carrier?.isTooLate === true ? this.renewal.merge(update) : this.merge(update));
      }
    } catch (error) {
      // A claim that has no room in the token would otherwise keep open what its value refuses.
      if (invalidClaims.length === 0 || !(error instanceof SessionInputException)) throw error;
    }
    if (invalidClaims.length > 0) {
      throw this.parts.refusals.invalidClaims(invalidClaims, refusedSession(this.tokens.claims));
    }
  }

  /** Fetches a claim's value and puts it into the session. */
  async fetchAndSetClaim(claim: SessionClaim<unknown>): Promise<void> {
    const checked = checkClaim(claim);
    const { accessTokenPayload } = await this.record();
    const nowMs = this.parts.clock.now();
    const update = await checked.build(this.claimSubject(), nowMs);
    await this.merge(withoutChanged(update, accessTokenPayload, nowMs));
  }

  /**
   * Sets a claim's value.
   *
   * @throws {SessionInputException} (400) if the claim can't hold the value, or the token would be too large
   */
  async setClaimValue<T>(claim: SessionClaim<T>, value: NoInfer<T>): Promise<void> {
    await this.mergeIntoAccessTokenPayload(claimUpdate(claim, value, this.parts.clock.now()));
  }

  async removeClaim(claim: SessionClaim<unknown>): Promise<void> {
    await this.mergeIntoAccessTokenPayload(checkClaim(claim).removeFromPayloadByMerge({}));
  }

  /**
   * Ends the session. If it is attached to a response that has not been sent, that response removes the client's
   * tokens.
   */
  async revokeSession(): Promise<void> {
    const handles = [this.getHandle()];
    const ending = { reason: 'revoked', isByHolder: true } as const;
    const revoke = () => this.parts.revoker.revoke(handles, ending);
    await endByThemselves([this], revoke, () => handles);
    this.carrier?.clearTokens(this.getHandle());
  }

  /** Binds the session to a response: new tokens are written to it, now and whenever they change. */
  attachToRequestResponse(
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header' = 'cookie',
  ): void {
    this.carrier = this.parts.carriers.carrierFor(request, response, transferMethod);
    this.bindTo(response);
    this.merges ??= 0;
    if (this.newTokens !== undefined) this.carrier.writeTokens(this.newTokens);
  }

  /**
   * @internal changes of its claims, and of its tokens by others. A stream lasts through any number of them. `limit`
   * counts other changes as those of one answer, and `countAnew` forgets those before
   */
  get renewal(): Renewal {
    return {
      merge: async (updateOf) => this.renew(await this.edit(updateOf)),
      adopt: ({ newTokens }) => {
        if (newTokens === undefined) return;
        const { refreshToken: _, antiCsrfToken: __, ...shared } = newTokens;
        this.renew(shared);
      },
      take: (tokens) => {
        this.tokens = { ...this.tokens, ...tokens };
      },
      limit: () => {
        this.merges = 0;
      },
      countAnew: () => {
        this.merges &&= 0;
      },
    };
  }

  /** @internal */
  protected override get spoken(): HeldSession {
    return this.tokens;
  }

  /** @internal */
  protected override get ends(): SessionEnds {
    return this.parts.ends;
  }

  private get parts(): ContainerParts {
    return this.given.current;
  }

  private async merge(updateOf: UpdateOf): Promise<void> {
    if (this.merges !== undefined && (this.merges += 1) > MAX_MERGES) {
      throw new SessionInputException('update', `was merged ${MAX_MERGES} times for one answer`);
    }
    const newTokens = this.take(await this.edit(updateOf));
    this.carrier?.writeTokens(newTokens);
  }

  private async edit(updateOf: UpdateOf): Promise<MintedTokens> {
    const edited = await this.parts.editor.mergeForToken(this.tokens.claims, updateOf);
    if (edited === undefined) throw await this.gone();
    return edited.tokens;
  }

  private renew(tokens: MintedTokens): void {
    const newTokens = this.take(tokens);
    if (this.carrier?.isTooLate === false) this.carrier.writeTokens(newTokens);
  }

  private take(tokens: MintedTokens): MintedTokens {
    this.newTokens = { ...this.newTokens, ...tokens };
    this.tokens = { ...this.tokens, ...tokens };
    return this.newTokens;
  }

  private async record(): Promise<SessionRecord> {
    const record = await this.parts.directory.find(this.getHandle());
    if (record === undefined) throw await this.gone();
    return record;
  }

  private claimSubject() {
    const { claims } = this.tokens;
    return { userId: claims.sub, tenantId: claims.tId, accessTokenPayload: claims };
  }

  private async gone(): Promise<UnauthorizedSessionException> {
    const session = refusedSession(this.tokens.claims);
    // However long the handler takes: its token was good when the request began.
    const clearTokens = !(await this.parts.life.wasReplaced(this.getHandle()));
    return this.parts.refusals.unauthorized('session-over', { clearTokens, session });
  }
}

function refusedSession({ sessionHandle, sub }: Readonly<AccessTokenClaims>): RefusedSession {
  return { sessionHandle, userId: sub };
}
