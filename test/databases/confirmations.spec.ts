import { expect, it } from 'vitest';
import { Session } from '../../lib/store/session.entity.js';
import { SessionRevocation } from '../../lib/store/session-revocation.entity.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';

const HOUR_MS = 3_600_000;

describeOnEachDatabase('a confirmation', (engine) => {
  const startFleet = useFleets(engine);

  async function rowOf({ dataSource }: Instance, handle: string): Promise<Session> {
    return dataSource.getRepository(Session).findOneByOrFail({ handle });
  }

  it('by an access token of an earlier generation confirms nothing', async () => {
    const { first, clock } = await startFleet();
    const session = await logIn(first);
    const handle = session.getHandle();
    const store = first.app.get(SessionStore);
    const second = await first.sessions.refreshSessionWithoutRequestResponse(
      refreshTokenOf(session),
    );
    const { parentRefreshTokenHash: earlier } = await rowOf(first, handle);
    await store.confirm([[handle, earlier]], clock.now());
    clock.advanceMs(HOUR_MS);
    await first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(second));

    await store.confirm([[handle, earlier]], clock.now());

    expect((await rowOf(first, handle)).confirmedAt).toBeNull();
  });

  it('by a repetition that was decided on an older row changes nothing, its expiry included', async () => {
    const { first, clock } = await startFleet();
    const session = await logIn(first);
    const handle = session.getHandle();
    const before = await rowOf(first, handle);
    await first.sessions.refreshSessionWithoutRequestResponse(refreshTokenOf(session));
    const rotated = await rowOf(first, handle);

    const store = first.app.get(SessionStore);
    const { expiresAtMs = 0 } = (await store.find(handle)) ?? {};
    await store.confirmByRefresh(
      handle,
      before.parentRefreshTokenHash,
      clock.now(),
      expiresAtMs + HOUR_MS,
    );

    expect(await rowOf(first, handle)).toEqual(rotated);
  });
});

describeOnEachDatabase('a user who is forgotten', (engine) => {
  const startFleet = useFleets(engine);

  it('leaves the details of other users’ ended sessions as they were', async () => {
    const { first } = await startFleet();
    const admin = 'the admin';
    const ended = await logIn(first, 'somebody');
    const other = await logIn(first, 'somebody else');
    await first.sessions.revokeSession(ended.getHandle(), { by: admin });
    await first.sessions.revokeSession(other.getHandle(), { by: 'another admin' });

    await first.sessions.forgetUser(admin);

    const rows = await first.dataSource.getRepository(SessionRevocation).find();
    expect(new Set(rows.map(({ detail }) => detail))).toEqual(new Set(['another admin', null]));
    expect(await first.sessions.explain(other.getHandle())).toMatchObject({
      detail: 'another admin',
    });
  });
});

describeOnEachDatabase('the first keys', (engine) => {
  const startFleet = useFleets(engine);

  it('are one of each kind where two instances make them at once, and both sign with it', async () => {
    const { first, join } = await startFleet();
    await first.dataSource.query('DELETE FROM auth_session_key');

    const [one, two] = await Promise.all([join(), join()]);

    const kidOf = async (instance: Instance): Promise<string> => {
      const [header = ''] = (await logIn(instance)).getAccessToken().split('.');
      return (JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid: string }).kid;
    };
    const rows = await first.dataSource.query('SELECT kind FROM auth_session_key');
    expect((rows as unknown[]).length).toBe(2);
    expect(await kidOf(one)).toBe(await kidOf(two));
  });
});
