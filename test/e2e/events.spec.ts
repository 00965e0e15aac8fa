import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  SessionEventBus,
  SessionException,
  SessionService,
  type SessionEventName,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import {
  accessCookie,
  bothCookies,
  holderOf,
  refreshCookie,
  Scene,
  type Holder,
} from '../support/scene.js';

const NAMES = [
  'created',
  'refreshed',
  'repeated',
  'theftDetected',
  'revoked',
  'antiCsrfFailed',
] as const satisfies SessionEventName[];
const GRACE_MS = 30_000;

const THEFT_DETAIL = 'presented generation 0, current 1';

describe.each(platforms)('the events of a session on %s', (platform) => {
  let scene: Scene;
  let heard: { name: SessionEventName; event: object }[] = [];
  beforeAll(async () => {
    scene = await Scene.open({ platform });
    const bus = scene.booted.app.get(SessionEventBus);
    for (const name of NAMES) {
      bus.on(name, (event) => {
        heard.push({ name, event });
      });
    }
  });
  beforeEach(() => {
    heard = [];
  });
  afterAll(() => scene.close());

  /** What was heard of one session, or of none. */
  async function eventsOf(holder?: Holder): Promise<object[]> {
    await setImmediate();
    return heard
      .filter(
        ({ event }) =>
          ('sessionHandle' in event ? event.sessionHandle : undefined) === holder?.handle,
      )
      .map(({ name, event }) => ({ name, ...event }));
  }

  const facts = ({ handle, userId }: Holder, atMs = scene.booted.clock.now()) => ({
    sessionHandle: handle,
    userId,
    tenantId: 'public',
    atMs,
  });
  const refreshed = async (from: Holder) =>
    holderOf(await scene.refresh(refreshCookie(from.refresh)), from);

  it('tell of a life from login to sign-out, in its order', async () => {
    const first = await scene.login('u1');
    const second = await refreshed(first);
    const again = { rotatedAgoMs: 0, isFromOtherClient: false };
    await refreshed(second);
    await refreshed(first);
    await scene.post('/auth/signout', bothCookies(second));
    expect(await eventsOf(first)).toEqual([
      { name: 'created', ...facts(first) },
      { name: 'refreshed', generation: 1, ...facts(first) },
      { name: 'repeated', as: 'repeat', ...again, ...facts(first) },
      { name: 'repeated', as: 'sibling', ...again, ...facts(first) },
      { name: 'revoked', reason: 'sign-out', detail: null, ...facts(first) },
    ]);
  });

  /** A refresh token that its session has left behind. */
  async function stolen(userId: string): Promise<Holder> {
    const first = await scene.login(userId);
    const second = await refreshed(first);
    await scene.get('/me', accessCookie(second.access));
    await scene.settle();
    await scene.advance(GRACE_MS);
    heard = [];
    return first;
  }

  it('tell of a theft once, after the revocation, however many requests replay it', async () => {
    const first = await stolen('u2');
    const replays = Array.from({ length: 20 }, () => scene.refresh(refreshCookie(first.refresh)));
    const answers = await Promise.all(replays);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    const messages = answers.map(({ json }) => (json as { message: string }).message);
    expect(messages).toContain('token theft detected');
    expect(await eventsOf(first)).toEqual([
      { name: 'revoked', reason: 'token-theft', detail: THEFT_DETAIL, ...facts(first) },
      { name: 'theftDetected', ...facts(first) },
    ]);
    await scene.expectBystanderToStay();
  });

  it('tell of a theft once also where all replays have seen the row before one of them ends it', async () => {
    const first = await stolen('u2');
    const sessions = scene.booted.app.get(SessionService);
    const replays = Array.from({ length: 20 }, () =>
      sessions.refreshSessionWithoutRequestResponse(first.refresh),
    );
    const outcomes = await Promise.allSettled(replays);
    const codes = outcomes.map((each) => each.status === 'rejected' && codeOf(each.reason));
    expect(new Set(codes)).toEqual(new Set(['TOKEN_THEFT_DETECTED']));
    expect(await eventsOf(first)).toEqual([
      { name: 'revoked', reason: 'token-theft', detail: THEFT_DETAIL, ...facts(first) },
      { name: 'theftDetected', ...facts(first) },
    ]);
  });

  it('L2: say who revoked a session, and what becomes of keys', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const bus = scene.booted.app.get(SessionEventBus);
    const keys: string[] = [];
    bus.on('keyMade', ({ kid, kind }) => void keys.push(`${kind} ${kid}`));
    bus.on('keyRevoked', ({ kid }) => void keys.push(`revoked ${kid}`));
    const holder = await scene.login('u3');
    await sessions.revokeSession(holder.handle, { by: 'admin-7' });
    expect(await eventsOf(holder)).toContainEqual({
      name: 'revoked',
      reason: 'revoked',
      detail: 'admin-7',
      ...facts(holder),
    });
    const kid = String(sessions.getJWKS().keys[0]?.kid);
    await sessions.revokeKey(kid);
    expect(await sessions.revokeKey('d-unknown')).toBe(false);
    const secret = await sessions.addRefreshTokenSecret();
    const next = String(sessions.getJWKS().keys[0]?.kid);
    await expect.poll(() => keys).toEqual([`revoked ${kid}`, `dynamic ${next}`, `mac ${secret}`]);
  });

  it('say why a session was revoked', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const one = await scene.login('u3');
    await sessions.revokeSession(one.handle);
    const two = await scene.login('u3');
    await sessions.revokeAllSessionsForUser('u3');
    const three = await scene.login('u3');
    const four = await scene.login('u3', accessCookie(three.access));
    const reasons = [];
    for (const holder of [one, two, three, four]) {
      reasons.push((await eventsOf(holder)).map((event) => 'reason' in event && event.reason));
    }
    expect(reasons).toEqual([
      [false, 'revoked'],
      [false, 'revoked-all'],
      [false, 'replaced-by-login'],
      [false],
    ]);
  });

  it('are none where nothing was there to be revoked', async () => {
    const sessions = scene.booted.app.get(SessionService);
    const holder = await scene.login('u4');
    await sessions.revokeSession(holder.handle);
    await setImmediate();
    heard = [];
    await sessions.revokeSession(holder.handle);
    await sessions.revokeAllSessionsForUser('u4');
    await scene.post('/auth/signout', bothCookies(holder));
    await scene.refresh(refreshCookie(holder.refresh));
    await setImmediate();
    expect(heard).toEqual([]);
  });

  it('tell where the anti-CSRF check failed, and of no session', async () => {
    const holder = await scene.login('u5');
    const evil = { ...bothCookies(holder), 'sec-fetch-site': 'cross-site' };
    heard = [];
    await scene.post('/act', evil);
    await scene.refresh(evil);
    await scene.post('/auth/signout', evil);
    const atMs = scene.booted.clock.now();
    expect(await eventsOf()).toEqual([
      { name: 'antiCsrfFailed', at: 'verify', atMs },
      { name: 'antiCsrfFailed', at: 'refresh', atMs },
      { name: 'antiCsrfFailed', at: 'sign-out', atMs },
    ]);
  });

  it('are none for tokens that are forged', async () => {
    const holder = await scene.login('u6');
    heard = [];
    await scene.refresh(refreshCookie(`${holder.refresh.slice(0, -4)}AAAA`));
    await scene.get('/me', accessCookie(`${holder.access.slice(0, -4)}AAAA`));
    await setImmediate();
    expect(heard).toEqual([]);
  });

  it('are frozen and hold no token', async () => {
    const holder = await refreshed(await scene.login('u7'));
    await scene.post('/auth/signout', bothCookies(holder));
    await setImmediate();
    expect(heard.map(({ event }) => Object.isFrozen(event))).toEqual([true, true, true]);
    const text = JSON.stringify(heard);
    expect([holder.access, holder.refresh].filter((token) => text.includes(token))).toEqual([]);
  });

  it('reach a function once for each subscription, and each ends only by itself', async () => {
    const bus = scene.booted.app.get(SessionEventBus);
    const userIds: string[] = [];
    const listener = ({ userId }: { userId: string }): void => void userIds.push(userId);
    const first = bus.on('created', listener);
    const second = bus.on('created', listener);
    await scene.login('u8');
    await expect.poll(() => userIds).toEqual(['u8', 'u8']);
    first();
    first();
    await scene.login('u9');
    await expect.poll(() => userIds).toEqual(['u8', 'u8', 'u9']);
    const third = bus.on('created', listener);
    second();
    second();
    await scene.login('u10');
    await expect.poll(() => userIds).toEqual(['u8', 'u8', 'u9', 'u10']);
    third();
    await scene.login('u11');
    await setImmediate();
    expect(userIds).toHaveLength(4);
  });

  it('L2: reach every listener until it ends its subscription, and a listener that fails or hangs breaks nothing', async () => {
    const bus = scene.booted.app.get(SessionEventBus);
    const userIds: string[] = [];
    const off = [
      bus.on('created', () => {
        throw new Error('a listener that throws');
      }),
      bus.on('created', () => Promise.reject(new Error('a listener that rejects'))),
      bus.on('created', () => new Promise(() => {})),
      bus.on('created', ({ userId }) => {
        userIds.push(userId);
      }),
    ];
    const holder = await scene.login('u8');
    expect((await scene.get('/me', accessCookie(holder.access))).status).toBe(200);
    for (const end of off) end();
    await scene.login('u9');
    await setImmediate();
    expect(userIds).toEqual(['u8']);
  });
});

function codeOf(error: unknown): unknown {
  return error instanceof SessionException ? error.code : error;
}
