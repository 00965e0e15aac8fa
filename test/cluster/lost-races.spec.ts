import { EventSubscriber, type EntitySubscriberInterface } from 'typeorm';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { logIn, refreshTokenOf, useFleets } from '../support/fleet.js';
import { createClusterDatabase, galeraNodes } from '../support/galera-cluster.js';
import { send } from '../support/http-client.js';

const ATTEMPTS = 4;

/** What another node commits in the midst of a transaction, just before that would. */
let beforeCommit: (() => Promise<void>) | undefined;

/** Its name alone would need a type argument in TypeORM 0.3. */
type BeforeQueryEvent = Parameters<NonNullable<EntitySubscriberInterface['beforeQuery']>>[0];

@EventSubscriber()
class CommitWatcher implements EntitySubscriberInterface {
  async beforeQuery({ query }: BeforeQueryEvent): Promise<void> {
    if (query === 'COMMIT') await beforeCommit?.();
  }
}

describe('a transaction that another node has overtaken', () => {
  const nodes = galeraNodes(inject('cluster'));
  const startFleet = useFleets(() => createClusterDatabase(nodes));
  afterEach(() => {
    beforeCommit = undefined;
  });

  /** Two instances; while one of them ends a session, the other changes it, so many times. */
  async function start(times: number) {
    const fleet = await startFleet({ instances: 2, driver: { subscribers: [CommitWatcher] } });
    const session = await logIn(fleet.first);
    const [, other = fleet.first] = fleet.instances;
    let commits = 0;
    beforeCommit = async () => {
      commits += 1;
      if (commits > times) return;
      const data = { commits };
      expect(await other.sessions.updateSessionDataInDatabase(session.getHandle(), data)).toBe(
        true,
      );
      await nodes[0]?.catchUp();
    };
    return { fleet, session, commits: () => commits };
  }

  it('is run again', async () => {
    const { fleet, session, commits } = await start(1);
    expect(await fleet.first.sessions.revokeSession(session.getHandle())).toBe(true);
    expect(commits()).toBe(2);
  });

  it('that is overtaken each time is 503 with Retry-After, changes nothing, and leaves the cookies', async () => {
    const { fleet, session, commits } = await start(ATTEMPTS);
    const { accessToken } = session.getAllSessionTokensDangerously();
    const cookie = `sAccessToken=${accessToken}; sRefreshToken=${refreshTokenOf(session)}`;
    const signOut = () => send(`${fleet.first.url}/auth/signout`, 'POST', { headers: { cookie } });
    expect(await signOut()).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      setCookies: [],
    });
    expect(commits()).toBe(ATTEMPTS);
    expect(await fleet.first.sessions.getSessionInformation(session.getHandle())).toBeDefined();
    expect((await signOut()).status).toBe(200);
    expect(await fleet.first.sessions.getSessionInformation(session.getHandle())).toBeUndefined();
  });
});
