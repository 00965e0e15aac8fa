import { endOf } from '../live/end-of-session.js';
import { resolveSessionOptions } from '../options/resolve-options.js';
import type { ResolvedSessionOptions } from '../options/resolved-options.js';
import { SessionEventBus } from '../events/session-event-bus.js';
import { ContainerParts } from '../session/container/container-parts.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { SessionContainer } from '../session/container/session-container.js';
import { mergePayload } from '../session/edit/session-editor.js';
import { deepFreeze, type JsonObject } from '../session/input/json-object.js';
import {
  checkAccessTokenPayload,
  checkPayloadUpdate,
  checkReplacingData,
  checkSessionData,
  checkTenantId,
  checkUserId,
} from '../session/input/session-input.js';
import { checkCookieSize } from '../session/mint/cookie-size.js';
import type { MintedTokens } from '../session/mint/minted-tokens.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import {
  newSessionRecord,
  type SessionActor,
  type SessionRecord,
} from '../store/session-record.js';
import { Clock } from '../time/clock.js';
import { BOUND_TO_DEVICE, type AccessTokenClaims } from '../tokens/access-token.js';
import { frontTokenFor } from '../tokens/front-token.js';
import { NO_DEVICE } from '../session/device/device-info.js';
import { newSessionHandle } from '../tokens/session-handle.js';
import { judgedSession } from '../verification/judged-session.js';
import type { HeldSession, LiveEnd, SessionEnds } from '../verification/session-ends.js';
import { payloadOf, type GivenClaims } from './given-claims.js';

const LIFETIME_MS = 60 * 60_000;
const TOKEN = 'an access token that nobody has signed';
// As long as those of a token that ES256 has signed.
const HEADER = 'x'.repeat(95);
const SIGNATURE = 'x'.repeat(86);

/** The user and the content of a fake session. @publicApi */
export interface FakeSessionInput extends GivenClaims {
  /** @default 'user-1' */
  userId?: string;
  /** @default 'public' */
  tenantId?: string;
  /** @default a new one */
  handle?: string;
  /** The result of `getSessionDataFromDatabase`. @default {} */
  data?: object;
  /** When the user last proved their identity, for `@RequireFresh`. @default now */
  authTime?: Date;
  /** The id of the person who acts in it as the user. @default the user */
  actorId?: string;
  /** Whether it is bound to a device, for `@VerifySession({ bound: true })`. @default false */
  bound?: boolean;
  /** The test's clock, such as a `FakeClock`. @default the real time */
  clock?: Clock;
}

/**
 * A session in memory, for tests of code that takes one. It has all functions of a session, with the same checks:
 * claims can be merged and read, and data replaced. Once it is revoked, functions that ask the database find it over.
 * Its tokens open nothing.
 *
 * @publicApi
 */
export class FakeSession extends SessionContainer {
  /** @internal */
  constructor(
    private readonly row: FakeRow,
    parts: ContainerParts,
  ) {
    super(row.tokens(), undefined, parts);
  }

  /** Whether it has been revoked. */
  get isRevoked(): boolean {
    return this.row.isRevoked;
  }
}

/**
 * Makes a session in memory.
 *
 * @throws {SessionInputException} for values that no session can hold
 * @example
 * ```ts
 * const session = fakeSession({ userId: 'ada', roles: ['admin'] });
 * await controller.close(session);
 * expect(session.isRevoked).toBe(true);
 * ```
 * @publicApi
 */
export function fakeSession(input: FakeSessionInput = {}): FakeSession {
  const clock = input.clock ?? new Clock();
  const options = resolveSessionOptions({}, { production: false });
  const row = new FakeRow(input, clock, options.cookie.accessToken.secureName);
  return new FakeSession(row, partsOf(row, clock, options));
}

/** Replaces the row of a session, and the code that reads and writes it. */
class FakeRow implements SessionEnds {
  isRevoked = false;
  private readonly watching = new Set<() => void>();
  private record: SessionRecord;

  constructor(
    private readonly input: FakeSessionInput,
    private readonly clock: Clock,
    private readonly cookieName: string,
  ) {
    const nowMs = clock.now();
    this.record = newSessionRecord({
      handle: input.handle ?? newSessionHandle(nowMs),
      userId: checkUserId(input.userId ?? 'user-1'),
      tenantId: checkTenantId(input.tenantId ?? 'public'),
      accessTokenPayload: checkAccessTokenPayload(payloadOf(input, nowMs)),
      sessionData: checkSessionData(input.data ?? {}),
      persistent: true,
      createdAtMs: nowMs,
      authenticatedAtMs: input.actorId === undefined ? (input.authTime?.getTime() ?? nowMs) : 0,
      lastActiveAtMs: nowMs,
      expiresAtMs: nowMs + LIFETIME_MS,
      actor: actorOf(input),
      ...NO_DEVICE,
    });
  }

  watch({ claims }: HeldSession, onEnd: (end: LiveEnd) => void): Disposable {
    const tell = (): void => onEnd(endOf(judgedSession(claims), 'revoked', this.clock.now()));
    if (this.isRevoked) tell();
    else this.watching.add(tell);
    return { [Symbol.dispose]: () => void this.watching.delete(tell) };
  }

  signalOf(session: HeldSession): AbortSignal {
    const controller = new AbortController();
    this.watch(session, ({ error }) => controller.abort(error));
    return controller.signal;
  }

  find(): Promise<SessionRecord | undefined> {
    // As from a database: whoever changes what was found changes no row.
    return Promise.resolve(this.isRevoked ? undefined : structuredClone(this.record));
  }

  wasReplaced(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async revoke(): Promise<string[]> {
    const found = await this.find();
    this.isRevoked = true;
    for (const tell of this.watching) tell();
    this.watching.clear();
    return found === undefined ? [] : [found.handle];
  }

  async replaceData(_handle: unknown, data: unknown): Promise<boolean> {
    const sessionData = checkReplacingData(data);
    this.record = { ...this.record, sessionData };
    return (await this.find()) !== undefined;
  }

  async mergeForToken(
    _claims: unknown,
    updateOf: (payload: Readonly<JsonObject>) => unknown,
  ): Promise<{ record: SessionRecord; tokens: MintedTokens } | undefined> {
    const found = await this.find();
    if (found === undefined) return undefined;
    const update = checkPayloadUpdate(updateOf(found.accessTokenPayload));
    const merged = mergePayload(found.accessTokenPayload, update);
    const record = { ...found, accessTokenPayload: checkAccessTokenPayload(merged) };
    const tokens = this.tokens(record);
    this.record = record;
    return { record, tokens };
  }

  frontTokenFor(claims: Readonly<AccessTokenClaims>): string {
    return frontTokenFor(claims);
  }

  tokens(record = this.record): MintedTokens {
    const claims = deepFreeze<AccessTokenClaims>({
      ...record.accessTokenPayload,
      sub: record.userId,
      tId: record.tenantId,
      sessionHandle: record.handle,
      refreshTokenHash1: record.parentHash,
      parentRefreshTokenHash1: null,
      antiCsrfToken: null,
      iat: Math.floor(record.createdAtMs / 1000),
      exp: Math.floor(record.expiresAtMs / 1000),
      ...(record.actor === null
        ? {}
        : { act: { sub: record.actor.userId, sid: record.actor.handle, tId: record.tenantId } }),
      auth_time: Math.floor(record.authenticatedAtMs / 1000),
      ...(this.input.bound === true ? { cnf: BOUND_TO_DEVICE } : {}),
    });
    const { expiresAtMs: sessionExpiresAtMs, persistent } = record;
    const frontToken = frontTokenFor(claims);
    const signed = `${HEADER}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${SIGNATURE}`;
    checkCookieSize({ accessToken: signed, claims, frontToken }, this.cookieName);
    return { accessToken: TOKEN, claims, frontToken, sessionExpiresAtMs, persistent };
  }
}

function actorOf({ actorId, tenantId = 'public' }: FakeSessionInput): SessionActor | null {
  if (actorId === undefined) return null;
  const handle = newSessionHandle(0);
  return { userId: checkUserId(actorId), tenantId, handle, reason: 'a test' };
}

// The row does the work of a container's parts, so none of them is needed as a whole.
function partsOf(row: FakeRow, clock: Clock, options: ResolvedSessionOptions): ContainerParts {
  const refusals = new SessionRefusals(new SessionEventBus(), clock, options);
  const carriers = {
    carrierFor: () => ({
      isTooLate: false,
      writeTokens: () => undefined,
      clearTokens: () => undefined,
    }),
  };
  const [directory, life, editor, revoker, minter] = Array(5).fill(row) as [
    ContainerParts['directory'],
    ContainerParts['life'],
    ContainerParts['editor'],
    ContainerParts['revoker'],
    ContainerParts['minter'],
  ];
  const registry = new RegisteredClaims();
  return new ContainerParts(
    carriers,
    directory,
    life,
    editor,
    revoker,
    minter,
    registry,
    refusals,
    clock,
    row,
  );
}
