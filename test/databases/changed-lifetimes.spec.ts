import { expect, it, vi } from 'vitest';
import { Session, type SessionModuleOptions } from '../../lib/index.js';
import { SessionExpirer } from '../../lib/session/end/session-expirer.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';

const DAY_MS = 86_400_000;

const long: SessionModuleOptions = { refreshTokenLifetime: '100d' };
const short: SessionModuleOptions = { refreshTokenLifetime: '7d' };

function refresh({ sessions }: Instance, token: string) {
  return sessions.refreshSessionWithoutRequestResponse(token);
}

describeOnEachDatabase('after `refreshTokenLifetime` has been made shorter', (engine) => {
  const startFleet = useFleets(engine);

  /** An instance of before, one of after, and a session that was left alone for as long as the shorter lifetime. */
  async function leftAlone(more: SessionModuleOptions = {}) {
    const fleet = await startFleet({ sessions: { ...long, ...more } });
    const session = await logIn(fleet.first);
    const loggedInAtMs = fleet.clock.now();
    fleet.clock.advanceMs(7 * DAY_MS);
    const updated = await fleet.join({ ...short, ...more });
    return { ...fleet, session, updated, loggedInAtMs };
  }

  it.each([{}, { refreshGracePeriod: 0 }, { revocation: false }] satisfies SessionModuleOptions[])(
    'a session of before ends by the shorter one, with %j',
    async (more) => {
      const { session, updated, first } = await leftAlone(more);
      const token = refreshTokenOf(session);
      await expect(refresh(updated, token)).rejects.toMatchObject({ reason: 'session-over' });
      await expect(refresh(first, token)).rejects.toMatchObject({ reason: 'session-over' });
    },
  );

  it('many that are refreshed at once end by the shorter one, and the others live', async () => {
    const { first, updated, clock } = await leftAlone();
    const old = await Promise.all(Array.from({ length: 20 }, () => logIn(first)));
    clock.advanceMs(7 * DAY_MS - 1);
    const young = await Promise.all(Array.from({ length: 20 }, () => logIn(first)));
    clock.advanceMs(1);
    const refreshes = await Promise.allSettled(
      [...old, ...young].map((each) => refresh(updated, refreshTokenOf(each))),
    );
    const statuses = refreshes.map(({ status }) => status);
    expect(statuses).toEqual([
      ...old.map(() => 'rejected' as const),
      ...young.map(() => 'fulfilled' as const),
    ]);
  });

  it('no function finds a session of before that is over by it', async () => {
    const { session, updated, first } = await leftAlone();
    const handle = session.getHandle();
    const { sessions } = updated;
    expect(await sessions.getSessionInformation(handle)).toBeUndefined();
    expect(await sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
    expect(await sessions.listSessions('bob')).toEqual([]);
    expect(await sessions.updateSessionDataInDatabase(handle, { cart: 1 })).toBe(false);
    expect(await sessions.updateSessionDataInDatabase(handle, {})).toBe(false);
    expect(await sessions.mergeIntoAccessTokenPayload(handle, { plan: 'pro' })).toBe(false);
    expect(await first.sessions.getSessionInformation(handle)).toMatchObject({
      sessionDataInDatabase: {},
      customClaimsInAccessTokenPayload: {},
    });
  });

  it('`explain` tells when a session of before has ended, before and after it is deleted', async () => {
    const { session, updated, loggedInAtMs } = await leftAlone();
    const end = {
      status: 'ended',
      reason: 'expired-idle',
      at: loggedInAtMs + 7 * DAY_MS,
      detail: null,
    };
    const handle = session.getHandle();
    expect(await updated.sessions.explain(handle)).toEqual(end);
    await refresh(updated, refreshTokenOf(session)).catch(() => undefined);
    expect(await updated.dataSource.getRepository(Session).countBy({ handle })).toBe(0);
    expect(await updated.sessions.explain(handle)).toEqual(end);
  });

  it('shows the end that a session of before has by then, and counts it from the last refresh', async () => {
    const { first, clock, join } = await startFleet({ sessions: long });
    const session = await logIn(first);
    clock.advanceMs(2 * DAY_MS);
    const refreshed = await refresh(first, refreshTokenOf(session));
    const refreshedAtMs = clock.now();
    const { sessions } = await join(short);
    const expiry = refreshedAtMs + 7 * DAY_MS;
    expect(await sessions.getSessionInformation(session.getHandle())).toMatchObject({ expiry });
    expect(await sessions.listSessions('bob')).toMatchObject([{ expiry }]);
    const seen = await sessions.getSessionWithoutRequestResponse(refreshed.getAccessToken());
    expect(await seen.getExpiry()).toBe(expiry);
  });

  it('an access token that repeats an answer ends no later than the session', async () => {
    const { first, clock, join } = await startFleet({ sessions: long });
    const session = await logIn(first);
    await refresh(first, refreshTokenOf(session));
    const refreshedAtMs = clock.now();
    clock.advanceMs(7 * DAY_MS - 60_000);
    const updated = await join(short);
    const sibling = await refresh(updated, refreshTokenOf(session));
    expect(sibling.getAccessTokenPayload()['exp']).toBe((refreshedAtMs + 7 * DAY_MS) / 1000);
  });

  it('a session that ends with the browser ends by its own lifetime', async () => {
    const former = { ...long, nonPersistentLifetime: '10d' } as const;
    const { first, clock, join } = await startFleet({ sessions: { ...former, persistent: false } });
    const session = await logIn(first);
    clock.advanceMs(2 * DAY_MS);
    const updated = await join({ ...former, nonPersistentLifetime: '2d' });
    await expect(refresh(updated, refreshTokenOf(session))).rejects.toMatchObject({
      reason: 'session-over',
    });
  });

  it('a session that an instance of before has just refreshed is not deleted as one that is over', async () => {
    const { first, updated, session } = await leftAlone();
    const row = await updated.app.get(SessionStore).find(session.getHandle());
    if (row === undefined) throw new Error('no row');
    await refresh(first, refreshTokenOf(session));
    await updated.app.get(SessionExpirer).end(row);
    expect(await updated.sessions.getSessionInformation(row.handle)).toBeDefined();
  });

  it('an instance that found it over too late takes no tokens from the client', async () => {
    const { first, updated, session } = await leftAlone();
    const token = refreshTokenOf(session);
    const expirer = updated.app.get(SessionExpirer);
    const end = expirer.end.bind(expirer);
    vi.spyOn(expirer, 'end').mockImplementationOnce(async (record) => {
      await refresh(first, token);
      return end(record);
    });
    const refreshed = await refresh(updated, token);
    expect(refreshed.getHandle()).toBe(session.getHandle());
    expect(updated.events).not.toContain('theftDetected');
    await refresh(first, refreshTokenOf(refreshed));
  });

  it('an instance that found it over as another one deleted it says so', async () => {
    const { updated, session, join } = await leftAlone();
    const other = await join(short);
    const expirer = updated.app.get(SessionExpirer);
    const end = expirer.end.bind(expirer);
    vi.spyOn(expirer, 'end').mockImplementationOnce(async (record) => {
      await other.app.get(SessionExpirer).end(record);
      return end(record);
    });
    await expect(refresh(updated, refreshTokenOf(session))).rejects.toMatchObject({
      reason: 'session-over',
      clearTokens: true,
    });
  });
});

describeOnEachDatabase('after `refreshTokenLifetime` has been made longer', (engine) => {
  const startFleet = useFleets(engine);

  it('no session that is over comes back, and the others go on by the longer one', async () => {
    const { first, clock, join } = await startFleet({ sessions: { ...short, pruning: false } });
    const over = await logIn(first);
    clock.advanceMs(1);
    const live = await logIn(first);
    clock.advanceMs(7 * DAY_MS - 1);
    const updated = await join({ ...long, pruning: false });
    await expect(refresh(updated, refreshTokenOf(over))).rejects.toMatchObject({
      reason: 'session-over',
    });
    const refreshed = await refresh(updated, refreshTokenOf(live));
    expect(await refreshed.getExpiry()).toBe(clock.now() + 100 * DAY_MS);
    await updated.app.get(SessionPruner).prune();
    expect(await updated.sessions.getAllSessionHandlesForUser('bob')).toEqual([live.getHandle()]);
  });
});
