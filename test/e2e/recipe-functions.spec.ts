import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PrimitiveClaim, Session, SessionService } from '../../lib/index.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { expectNothingChanged } from '../support/refusal.js';
import { accessCookie, payloadOf, refreshCookie, holderOf, Scene } from '../support/scene.js';

const plan = new PrimitiveClaim<string>({ key: 'plan', fetchValue: () => 'gold' });
const GONE = { status: 'SESSION_DOES_NOT_EXIST_ERROR' };
const FAILING = { id: 'x', validate: () => ({ isValid: false as const, reason: 'no' }) };

describe('the functions of the recipe', () => {
  let scene: Scene;
  let sessions: SessionService;
  let unknown: Record<string, string>;
  beforeAll(async () => {
    scene = await Scene.open();
    sessions = scene.booted.app.get(SessionService);
  });
  afterAll(() => scene.close());

  async function created(userId: string, tenantId = 'public'): Promise<string> {
    const session = await sessions.createNewSessionWithoutRequestResponse(tenantId, userId);
    return session.getHandle();
  }

  async function expired(userId: string): Promise<string> {
    const handle = await created(userId);
    const expiresAt = scene.booted.clock.now();
    await scene.booted.dataSource.getRepository(Session).update({ handle }, { expiresAt });
    return handle;
  }

  beforeEach(async () => {
    const revoked = await created('u1');
    await sessions.revokeSession(revoked);
    unknown = {
      'that was never given': newSessionHandle(scene.booted.clock.now()),
      'that is none': "' OR 1=1 --",
      'that is empty': '',
      'of a session that was revoked': revoked,
      'of a session that has expired': await expired('u2'),
    };
  });

  const kinds = [
    'that was never given',
    'that is none',
    'that is empty',
    'of a session that was revoked',
    'of a session that has expired',
  ];

  it.each(kinds)(
    'say of a handle %s that there is no session, and change nothing',
    async (kind) => {
      const handle = String(unknown[kind]);
      await expectNothingChanged(scene, async () => {
        expect(await sessions.getSessionInformation(handle)).toBeUndefined();
        expect(await sessions.updateSessionDataInDatabase(handle, { a: 1 })).toBe(false);
        expect(await sessions.mergeIntoAccessTokenPayload(handle, { a: 1 })).toBe(false);
        expect(await sessions.fetchAndSetClaim(handle, plan)).toBe(false);
        expect(await sessions.setClaimValue(handle, plan, 'x')).toBe(false);
        expect(await sessions.removeClaim(handle, plan)).toBe(false);
        expect(await sessions.getClaimValue(handle, plan)).toEqual(GONE);
        expect(await sessions.validateClaimsForSessionHandle(handle)).toEqual(GONE);
        const override = () => [FAILING];
        expect(await sessions.validateClaimsForSessionHandle(handle, override)).toEqual(GONE);
      });
    },
  );

  it.each(kinds.slice(0, 4))('revoke nothing by a handle %s', async (kind) => {
    const handle = String(unknown[kind]);
    await expectNothingChanged(scene, async () => {
      expect(await sessions.revokeSession(handle)).toBe(false);
      expect(await sessions.revokeMultipleSessions([handle])).toEqual([]);
      expect(await sessions.revokeMultipleSessions([])).toEqual([]);
    });
  });

  it('revoke a row that has expired: it was there', async () => {
    expect(await sessions.revokeSession(await expired('u3'))).toBe(true);
  });

  it('say of a user without sessions: none', async () => {
    expect(await sessions.getAllSessionHandlesForUser('nobody')).toEqual([]);
    expect(await sessions.revokeAllSessionsForUser('nobody')).toEqual([]);
    await expired('u4');
    expect(await sessions.getAllSessionHandlesForUser('u4')).toEqual([]);
  });

  it('revoke of several sessions those that are there', async () => {
    const [one, two, three] = [await created('u5'), await created('u5'), await created('u5')];
    const asked = [one, 'x', one, two, newSessionHandle(0)];
    expect((await sessions.revokeMultipleSessions(asked)).toSorted()).toEqual(
      [one, two].toSorted(),
    );
    expect(await sessions.getAllSessionHandlesForUser('u5')).toEqual([three]);
  });

  it('list and revoke in one tenant or in all', async () => {
    const [one, two] = [await created('u6', 't1'), await created('u6', 't2')];
    const all = await sessions.getAllSessionHandlesForUser('u6');
    expect(all.toSorted()).toEqual([one, two].toSorted());
    expect(await sessions.getAllSessionHandlesForUser('u6', 't2')).toEqual([two]);
    expect(await sessions.revokeAllSessionsForUser('u6', 't1')).toEqual([one]);
    expect(await sessions.revokeAllSessionsForUser('u6')).toEqual([two]);
  });

  it('tell what the database knows of a session, exactly', async () => {
    const now = scene.booted.clock.now();
    const session = await sessions.createNewSessionWithoutRequestResponse(
      't1',
      'no such user is needed',
      { plan: 'gold' },
      { cart: [1] },
    );
    expect(await sessions.getSessionInformation(session.getHandle())).toEqual({
      sessionHandle: session.getHandle(),
      userId: 'no such user is needed',
      tenantId: 't1',
      timeCreated: now,
      expiry: now + 100 * 24 * 3_600_000,
      persistent: true,
      sessionDataInDatabase: { cart: [1] },
      customClaimsInAccessTokenPayload: { plan: 'gold' },
    });
  });

  it('replace the data of a session, empty it by null, and refuse what is missing', async () => {
    const handle = await created('u7');
    const data = async () => (await sessions.getSessionInformation(handle))?.sessionDataInDatabase;
    expect(await sessions.updateSessionDataInDatabase(handle, { a: 1, b: 2 })).toBe(true);
    expect(await sessions.updateSessionDataInDatabase(handle, { c: 3 })).toBe(true);
    expect(await data()).toEqual({ c: 3 });
    const missing = sessions.updateSessionDataInDatabase(handle, undefined as unknown as object);
    await expect(missing).rejects.toMatchObject({ argument: 'sessionDataInDatabase', status: 400 });
    expect(await data()).toEqual({ c: 3 });
    await sessions.updateSessionDataInDatabase(handle, null);
    expect(await data()).toEqual({});
  });

  it('merge claims into the payload: shallow, null deletes, and tokens show it after a refresh', async () => {
    const holder = await scene.login('u8');
    const merge = (update: object) => sessions.mergeIntoAccessTokenPayload(holder.handle, update);
    expect(await merge({ a: { x: 1 }, b: 2 })).toBe(true);
    expect(await merge({ a: { y: 1 }, b: null, never: null })).toBe(true);
    const answer = await scene.get('/me', accessCookie(holder.access));
    expect([answer.status, answer.headers['front-token']]).toEqual([200, undefined]);
    const { access } = holderOf(await scene.refresh(refreshCookie(holder.refresh)));
    expect(payloadOf(access)).toMatchObject({ a: { y: 1 } });
    expect(payloadOf(access)).not.toHaveProperty('b');
  });

  it('keep a claim whose value is null when others are merged', async () => {
    const begun = { referrer: null, plan: 'free' };
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u8', begun);
    await sessions.mergeIntoAccessTokenPayload(session.getHandle(), { plan: 'pro' });
    const found = await sessions.getSessionInformation(session.getHandle());
    expect(found?.customClaimsInAccessTokenPayload).toEqual({ referrer: null, plan: 'pro' });
  });

  it('take a reserved claim set to null for nothing, and refuse it with a value', async () => {
    const handle = await created('u9');
    const reserved = { sub: null, rsub: null, tId: null, stt: null, exp: null };
    expect(await sessions.mergeIntoAccessTokenPayload(handle, reserved)).toBe(true);
    await expectNothingChanged(scene, async () => {
      const merge = sessions.mergeIntoAccessTokenPayload(handle, { sub: 'admin' });
      await expect(merge).rejects.toMatchObject({ code: 'SESSION_INPUT' });
    });
  });

  it('set, read, fetch, check and remove a claim', async () => {
    const handle = await created('u10');
    expect(await sessions.getClaimValue(handle, plan)).toEqual({ status: 'OK', value: undefined });
    expect(await sessions.setClaimValue(handle, plan, 'silver')).toBe(true);
    expect(await sessions.getClaimValue(handle, plan)).toEqual({ status: 'OK', value: 'silver' });
    expect(await sessions.fetchAndSetClaim(handle, plan)).toBe(true);
    expect(await sessions.getClaimValue(handle, plan)).toEqual({ status: 'OK', value: 'gold' });
    const wants = (value: string) =>
      sessions.validateClaimsForSessionHandle(handle, () => [plan.validators.hasValue(value)]);
    expect(await wants('gold')).toEqual({ status: 'OK', invalidClaims: [] });
    expect(await wants('free')).toEqual({
      status: 'OK',
      invalidClaims: [
        {
          id: 'plan',
          reason: { message: 'wrong value', expectedValue: 'free', actualValue: 'gold' },
        },
      ],
    });
    expect(await sessions.removeClaim(handle, plan)).toBe(true);
    expect(await sessions.getClaimValue(handle, plan)).toEqual({ status: 'OK', value: undefined });
  });

  it('store what a check of claims has fetched', async () => {
    const handle = await created('u11');
    await sessions.validateClaimsForSessionHandle(handle, () => [plan.validators.hasValue('x')]);
    expect(await sessions.getClaimValue(handle, plan)).toEqual({ status: 'OK', value: 'gold' });
  });

  it('name the headers that CORS has to allow', () => {
    expect(sessions.getAllCORSHeaders()).toEqual([
      'anti-csrf',
      'rid',
      'fdi-version',
      'authorization',
      'st-auth-mode',
    ]);
  });
});
