import { runInNewContext } from 'node:vm';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { PrimitiveClaim, SessionContainer, UserRoleClaim } from '../../lib/index.js';
import { FakeClock, fakeSession } from '../../lib/testing/index.js';

const roles = new UserRoleClaim({ fetchValue: () => undefined });
const plan = new PrimitiveClaim<string>({ key: 'bought', fetchValue: () => 'gold' });

describe('a fake session', () => {
  it('is a session of somebody without being told anything', () => {
    const session = fakeSession();
    expect(session).toBeInstanceOf(SessionContainer);
    expect([session.getUserId(), session.getTenantId()]).toEqual(['user-1', 'public']);
    expect(fakeSession().getHandle()).not.toBe(session.getHandle());
  });

  it('holds what it is given', async () => {
    const authTime = new Date('2026-01-02T03:04:05Z');
    const session = fakeSession({
      userId: 'ada',
      tenantId: 'acme',
      handle: '0190a8e4-0000-7000-8000-000000000000',
      roles: ['admin'],
      permissions: ['write'],
      claims: { plan: 'gold' },
      data: { from: 'test' },
      authTime,
    });
    expect(session.getAccessTokenPayload()).toMatchObject({
      sub: 'ada',
      tId: 'acme',
      sessionHandle: '0190a8e4-0000-7000-8000-000000000000',
      'st-role': { v: ['admin'] },
      'st-perm': { v: ['write'] },
      plan: 'gold',
      auth_time: authTime.getTime() / 1000,
    });
    expect(session.getClaimValue(roles)).toEqual(['admin']);
    expect(await session.getSessionDataFromDatabase()).toEqual({ from: 'test' });
    expect(JSON.parse(JSON.stringify(session))).toMatchObject({ userId: 'ada' });
  });

  it('merges, sets, fetches and removes claims, and replaces its data', async () => {
    const session = fakeSession({ claims: { plan: 'free', gone: 1 } });
    await session.mergeIntoAccessTokenPayload({ plan: 'gold', gone: null });
    expect(session.getAccessTokenPayload()).toMatchObject({ plan: 'gold' });
    expect(session.getAccessTokenPayload()).not.toHaveProperty('gone');
    await session.setClaimValue(roles, ['editor']);
    expect(session.getClaimValue(roles)).toEqual(['editor']);
    await session.fetchAndSetClaim(plan);
    expect(session.getClaimValue(plan)).toBe('gold');
    await session.removeClaim(plan);
    expect(session.getClaimValue(plan)).toBeUndefined();
    await session.updateSessionDataInDatabase({ step: 2 });
    expect(await session.getSessionDataFromDatabase()).toEqual({ step: 2 });
  });

  it('checks as a session does', async () => {
    const session = fakeSession({ roles: ['editor'] });
    await session.assertClaims([roles.validators.includes('editor')]);
    await expect(session.assertClaims([roles.validators.includes('admin')])).rejects.toMatchObject({
      code: 'INVALID_CLAIMS',
      status: 403,
    });
    await expect(session.mergeIntoAccessTokenPayload({ sub: 'eve' })).rejects.toMatchObject({
      code: 'SESSION_INPUT',
    });
    expect(() => fakeSession({ userId: '' })).toThrow('userId');
    expect(() => fakeSession({ claims: { sessionHandle: 'x' } })).toThrow('reserved');
  });

  it('refuses claims that browsers would drop, and keeps those that it has', async () => {
    const session = fakeSession({ claims: { plan: 'free' } });
    const big = { big: 'x'.repeat(20_000) };
    await expect(session.mergeIntoAccessTokenPayload(big)).rejects.toMatchObject({
      code: 'SESSION_INPUT',
      status: 400,
    });
    await session.mergeIntoAccessTokenPayload({ seats: 2 });
    expect(session.getAccessTokenPayload()).toMatchObject({ plan: 'free', seats: 2 });
    expect(session.getAccessTokenPayload()).not.toHaveProperty('big');
    expect(() => fakeSession({ claims: big })).toThrow('browsers drop cookies');
  });

  it('keeps no change to the data that it has given out, as a row keeps none', async () => {
    const data = { cart: { items: ['pen'] } };
    const session = fakeSession({ data });
    data.cart.items.push('given');
    const found = (await session.getSessionDataFromDatabase()) as typeof data;
    found.cart.items.push('found');
    expect(await session.getSessionDataFromDatabase()).toEqual({ cart: { items: ['pen'] } });
    await session.updateSessionDataInDatabase(found);
    found.cart.items.push('stored');
    expect(await session.getSessionDataFromDatabase()).toEqual({
      cart: { items: ['pen', 'found'] },
    });
  });

  it('is over once it is revoked, and says so', async () => {
    const session = fakeSession();
    expect(session.isRevoked).toBe(false);
    await session.revokeSession();
    expect(session.isRevoked).toBe(true);
    await expect(session.getSessionDataFromDatabase()).rejects.toMatchObject({
      code: 'UNAUTHORISED',
    });
    await expect(session.mergeIntoAccessTokenPayload({ a: 1 })).rejects.toMatchObject({
      code: 'UNAUTHORISED',
    });
  });

  it('is changed and read where the globals of the test are not those of Node, as under Jest', async () => {
    const parse = runInNewContext('JSON.parse') as typeof JSON.parse;
    vi.stubGlobal('structuredClone', (value: unknown): unknown => parse(JSON.stringify(value)));
    onTestFinished(() => void vi.unstubAllGlobals());
    const session = fakeSession({ roles: ['admin'], data: { cart: { items: [1] } } });
    await session.mergeIntoAccessTokenPayload({ plan: 'gold' });
    expect(session.getAccessTokenPayload()).toMatchObject({ plan: 'gold' });
    await session.assertClaims([roles.validators.includes('admin')]);
    const data = await session.getSessionDataFromDatabase();
    await session.updateSessionDataInDatabase({ ...data, seen: true });
    expect(await session.getSessionDataFromDatabase()).toEqual({
      cart: { items: [1] },
      seen: true,
    });
  });

  it('lives at the time of the clock that it is given', async () => {
    const clock = new FakeClock(0);
    const claim = new PrimitiveClaim<number>({
      key: 'b',
      fetchValue: () => 1,
      defaultMaxAgeInSeconds: 60,
    });
    const session = fakeSession({ clock });
    await session.setClaimValue(claim, 2);
    clock.advance('59s');
    await session.assertClaims([claim.validators.hasValue(2)]);
    clock.advance('2s');
    await session.assertClaims([claim.validators.hasValue(1)]);
    expect(session.getAccessTokenPayload().iat).toBe(0);
  });
});

describe('a fake clock', () => {
  it('is moved by durations, and by nothing else', () => {
    const clock = new FakeClock(1_000);
    clock.advance('11m');
    clock.advance(2);
    clock.advanceMs(5);
    expect(clock.now()).toBe(1_000 + 11 * 60_000 + 2_000 + 5);
    for (const wrong of ['11', 'soon', -1, undefined]) {
      expect(() => clock.advance(wrong as never)).toThrow(TypeError);
    }
  });
});
