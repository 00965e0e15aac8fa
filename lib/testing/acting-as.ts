import type { INestApplicationContext } from '@nestjs/common';
import { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
import { SessionEventBus } from '../events/session-event-bus.js';
import { KeyRing } from '../keys/key-ring.js';
import { SessionService } from '../session.service.js';
import { SessionContainerFactory } from '../session/container/session-container.factory.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { SessionRevoker } from '../session/end/session-revoker.js';
import { SessionIssuer, type IssuedSession } from '../session/issue/session-issuer.js';
import { SessionImpersonator } from '../session/issue/session-impersonator.js';
import { SessionLimit } from '../session/issue/session-limit.js';
import type { SessionRequest } from '../session/issue/session-request.js';
import { AccessTokenMinter } from '../session/mint/access-token-minter.js';
import { sessionExpiresAtMs } from '../session/mint/session-lifetime.js';
import { SessionTokenMinter } from '../session/mint/session-token-minter.js';
import { SessionLife } from '../session/verify/session-life.js';
import { DeviceKeyStore } from '../store/device-key.store.js';
import { SessionDatabase } from '../store/session-database.js';
import type { SessionRecord } from '../store/session-record.js';
import { SessionStore } from '../store/session.store.js';
import { Clock } from '../time/clock.js';
import { durationToMs, type Duration } from '../time/duration.js';
import { FakeClock } from './fake-clock.js';
import { payloadOf, type GivenClaims } from './given-claims.js';
import { moduleOfKind, type ModuleOfKind } from './module-of-kind.js';
import { refuseInProduction } from './not-in-production.js';
import { TestSession } from './test-session.js';

// A token has ended in its last second.
const A_SECOND_MS = 1_000;
const IMPERSONATION_MS = 60 * 60_000;
const KEY_OF_NOBODY = '{}';

/** As whom, and since when, a test acts. @publicApi */
export interface ActingAs extends GivenClaims {
  /** @default 'public' */
  tenantId?: string;
  /** The kind of sessions, as in `SessionModule.forRoot({ kind })`. @default that of the module without a kind */
  kind?: string;
  /** The application's own data for the session. @default {} */
  data?: object;
  /** Whether the cookies outlive the browser. @default the module's `persistent` */
  persistent?: boolean;
  /** How long ago the user logged in, for `@RequireFresh` and timeouts. @default as long ago as the last refresh */
  loggedInAgo?: Duration;
  /** How long ago the session was last refreshed. @default just now */
  lastRefreshedAgo?: Duration;
  /**
   * The state of the session. `'expired'`: the access token has expired, and a refresh gives another. `'revoked'`:
   * somebody has ended it. `'over'`: nobody refreshed it in time. @default 'live'
   */
  state?: 'live' | 'expired' | 'revoked' | 'over';
  /**
   * The session of the person who acts as the user, as after `impersonate`: it is never fresh, lasts an hour, and ends
   * with theirs. @default nobody
   */
  actor?: TestSession;
  /**
   * Whether the session is bound to a device, for `@VerifySession({ bound: true })`. Send its `cookie`, because a bound
   * session is refused in a header. Nobody has its key, so it is never refreshed. It needs `deviceBinding`.
   *
   * @default false
   */
  bound?: boolean;
}

/**
 * Gives a test a session of a user, as if they had logged in: a row in the application's database and real tokens. It
 * needs neither a password nor the user's own row. Registered claims are fetched as at a login, except for the given
 * ones.
 *
 * @param app the application, or its context. It must be initialized
 * @throws {Error} if NODE_ENV is production
 * @throws {TypeError} for `bound` without the option `deviceBinding`
 * @throws {SessionInputException} for values that no session can hold
 * @throws {UnauthorizedSessionException} if the session of `actor` has ended, or somebody acts in it already
 * @example
 * ```ts
 * const admin = await actingAs(app, 'ada', { roles: ['admin'] });
 * await request(app.getHttpServer()).get('/reports').set(admin.headers).expect(200);
 * ```
 * @publicApi
 */
export async function actingAs(
  app: INestApplicationContext,
  userId: string,
  as: ActingAs = {},
): Promise<TestSession> {
  refuseInProduction('actingAs');
  const module = moduleOfKind(app, as.kind);
  const { record, tokens } = await new PastLogin(module, userId, as).perform();
  const session = module.get(SessionContainerFactory).issued({ tokens });
  if (as.state === 'revoked') {
    await module.get(SessionRevoker).revoke([record.handle], { reason: 'revoked' });
  }
  return new TestSession(session, module.get(SessionService), module.options);
}

/** A past login, made with the parts of the module and with clocks that show that past time. */
class PastLogin {
  private readonly nowMs: number;
  private readonly withAntiCsrfToken: boolean;

  constructor(
    private readonly module: ModuleOfKind,
    private readonly userId: string,
    private readonly as: ActingAs,
  ) {
    this.nowMs = module.get(Clock).now();
    this.withAntiCsrfToken = module.options.antiCsrf === 'VIA_TOKEN';
  }

  async perform(): Promise<IssuedSession> {
    const { bound = false } = this.as;
    if (bound && this.module.options.deviceBinding === false) {
      throw new TypeError('`bound` needs the option `deviceBinding` of SessionModule');
    }
    const refreshedAtMs = this.nowMs - this.refreshedAgoMs();
    const loggedInAtMs = Math.min(
      this.nowMs - agoMs('loggedInAgo', this.as.loggedInAgo),
      refreshedAtMs,
    );
    const issued = await this.issueAt(loggedInAtMs);
    const isRefreshed = refreshedAtMs > loggedInAtMs;
    const refreshed = isRefreshed ? await this.refreshAt(refreshedAtMs, issued) : issued;
    return bound ? this.bindAt(refreshedAtMs, refreshed) : refreshed;
  }

  private refreshedAgoMs(): number {
    const { state, persistent, lastRefreshedAgo } = this.as;
    const { options } = this.module;
    const askedMs = agoMs('lastRefreshedAgo', lastRefreshedAgo);
    if (state === 'expired') {
      return Math.max(askedMs, options.accessTokenLifetimeMs + A_SECOND_MS);
    }
    if (state !== 'over') return askedMs;
    const isPersistent = persistent ?? options.persistent;
    const idleMs = isPersistent ? options.refreshTokenLifetimeMs : options.nonPersistentLifetimeMs;
    return Math.max(askedMs, idleMs + A_SECOND_MS);
  }

  private async issueAt(atMs: number): Promise<IssuedSession> {
    const { module, as } = this;
    const payload = payloadOf(as, this.nowMs);
    const registered = new RegisteredClaims();
    const fetched = module.get(RegisteredClaims).claims.filter(({ key }) => !(key in payload));
    registered.register(fetched, []);
    const issuer = new SessionIssuer(
      module.get(SessionDatabase),
      this.minterAt(atMs),
      module.get(SessionRevoker),
      module.get(SessionEventBus),
      module.get(SessionLimit),
      registered,
      module.get(SessionLife),
      new FakeClock(atMs),
      module.options,
    );
    return issuer.issue({
      userId: this.userId,
      tenantId: as.tenantId ?? 'public',
      accessTokenPayload: payload,
      sessionDataInDatabase: as.data,
      persistent: as.persistent,
      withAntiCsrfToken: this.withAntiCsrfToken,
      ...(await this.impersonation()),
    });
  }

  private async impersonation(): Promise<Pick<SessionRequest, 'impersonation'>> {
    const handle = this.as.actor?.session.getHandle();
    if (handle === undefined) return {};
    const own = await this.module.get(SessionImpersonator).findActor(handle);
    if (own === undefined) throw new UnauthorizedSessionException({ reason: 'session-over' });
    const { userId, tenantId, impersonating: former } = own;
    const actor = { userId, tenantId, handle, reason: 'a test' };
    return { impersonation: { actor, endsAtMs: this.nowMs + IMPERSONATION_MS, former } };
  }

  // The first generation continues, because earlier refreshes do not matter to a test.
  private async refreshAt(atMs: number, { record }: IssuedSession): Promise<IssuedSession> {
    const { options } = this.module;
    const expiresAtMs = sessionExpiresAtMs(record, atMs, options);
    const refreshed = { ...record, rotatedAtMs: atMs, lastActiveAtMs: atMs, expiresAtMs };
    await this.module.get(SessionStore).beginGeneration(record, refreshed);
    return this.tokensAt(atMs, refreshed);
  }

  private async bindAt(atMs: number, { record }: IssuedSession): Promise<IssuedSession> {
    await this.module.get(DeviceKeyStore).bind(record.handle, KEY_OF_NOBODY, atMs);
    return this.tokensAt(atMs, { ...record, deviceKey: KEY_OF_NOBODY });
  }

  private async tokensAt(atMs: number, record: SessionRecord): Promise<IssuedSession> {
    const minter = this.minterAt(atMs);
    const refresh = await minter.refreshTokenFor(record);
    return { record, tokens: await minter.tokensFor(record, refresh, this.withAntiCsrfToken) };
  }

  private minterAt(atMs: number): SessionTokenMinter {
    const keys = this.module.get(KeyRing);
    const accessTokens = new AccessTokenMinter(keys, new FakeClock(atMs), this.module.options);
    return new SessionTokenMinter(keys, accessTokens);
  }
}

function agoMs(option: string, duration: Duration = 0): number {
  const milliseconds = durationToMs(duration);
  if (milliseconds !== undefined) return milliseconds;
  throw new TypeError(`\`${option}\` takes a number of seconds or a string such as '2h'`);
}
