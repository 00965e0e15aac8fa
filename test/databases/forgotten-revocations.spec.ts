import { expect, it } from 'vitest';
import { SessionRevocation, type SessionModuleOptions } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, useFleets } from '../support/fleet.js';

const MINUTE_MS = 60_000;
// The lifetime of access tokens, and ten minutes for what was issued meanwhile.
const REMEMBERED_MS = 25 * MINUTE_MS;

const MODES: SessionModuleOptions[] = [
  {},
  { revocation: { maxStaleness: false } },
  { revocation: false },
  { revocation: false, endedSessionRetention: 0 },
];

describeOnEachDatabase('the memory of revoked sessions', (engine) => {
  const startFleet = useFleets(engine);

  it.each(MODES)('is given back once it says nothing any more, with %j', async (mode) => {
    const { first, clock } = await startFleet({
      sessions: { accessTokenLifetime: '15m', endedSessionRetention: '1s', ...mode },
    });
    const { sessions, app } = first;
    const feed = app.get(RevocationFeed);
    const logins = await Promise.all(Array.from({ length: 6 }, (_, i) => logIn(first, `u${i}`)));
    for (const each of logins.slice(0, 2)) await sessions.revokeSession(each.getHandle());
    await sessions.revokeAllSessionsForUser('u2');
    await sessions.revokeAllSessionsForUser('u3', 'public');
    await sessions.markClaimsStale('u4');
    await sessions.revokeAllSessionsOfTenant('public');
    await sessions.revokeEverything();
    const held = feed.size;
    expect(held).toBeGreaterThanOrEqual(7);

    clock.advanceMs(REMEMBERED_MS - MINUTE_MS);
    await feed.poll();
    expect(feed.size).toBe(held);
    for (const each of logins) {
      await expect(
        sessions.getSessionWithoutRequestResponse(each.getAccessToken()),
      ).rejects.toMatchObject({ code: 'TRY_REFRESH_TOKEN' });
    }

    clock.advanceMs(2 * MINUTE_MS);
    await app.get(SessionPruner).prune();
    clock.advanceMs(10 * MINUTE_MS);
    await feed.poll();
    expect(feed.size).toBe(0);
  });

  it('is given back by itself with `revocation: false`', async () => {
    const { first, clock } = await startFleet({
      sessions: { accessTokenLifetime: '15m', revocation: false },
    });
    const feed = first.app.get(RevocationFeed);
    await first.sessions.revokeSession((await logIn(first)).getHandle());
    await logIn(first);
    await first.sessions.revokeAllSessionsForUser('bob');
    expect(feed.size).toBeGreaterThan(1);
    clock.advanceMs(REMEMBERED_MS + 1_000);
    await expect.poll(() => feed.size, { timeout: 5_000 }).toBe(0);
  });

  it('keeps a cut-off for as long as it is stored: it may be all that ends a session that was committed late', async () => {
    const { first, clock } = await startFleet({ sessions: { accessTokenLifetime: '15m' } });
    const { sessions, app } = first;
    await sessions.revokeAllSessionsForUser('bob');
    clock.advanceMs(REMEMBERED_MS + 10 * MINUTE_MS);
    await app.get(RevocationFeed).poll();
    expect(await first.dataSource.getRepository(SessionRevocation).count()).toBe(1);
    expect(app.get(RevocationFeed).size).toBe(1);
  });

  it('is given back while the feed cannot be read', async () => {
    const { first, clock } = await startFleet({ sessions: { accessTokenLifetime: '15m' } });
    const feed = first.app.get(RevocationFeed);
    await first.sessions.revokeSession((await logIn(first)).getHandle());
    await first.sessions.markClaimsStale('bob');
    await first.dataSource.query('ALTER TABLE auth_session_revocation RENAME TO gone');
    clock.advanceMs(REMEMBERED_MS + 1_000);
    await expect(feed.poll()).rejects.toThrow('session store');
    expect(feed.size).toBe(0);
    await first.dataSource.query('ALTER TABLE gone RENAME TO auth_session_revocation');
  });
});
