import { expect, it } from 'vitest';
import {
  SessionRevocation,
  type SessionContainer,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { SessionPruner } from '../../lib/session/end/session-pruner.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, useFleets, type Fleet, type Instance } from '../support/fleet.js';

const MINUTE_MS = 60_000;

const former: SessionModuleOptions = { accessTokenLifetime: '15m', endedSessionRetention: '1s' };
const next: SessionModuleOptions = { ...former, accessTokenLifetime: '2h' };

describeOnEachDatabase('while a deployment with a longer `accessTokenLifetime` rolls', (engine) => {
  const startFleet = useFleets(engine);

  async function isAccepted({ sessions }: Instance, session: SessionContainer): Promise<boolean> {
    return sessions.getSessionWithoutRequestResponse(session.getAccessToken()).then(
      () => true,
      () => false,
    );
  }

  async function passTime({ clock, instances }: Fleet, milliseconds: number): Promise<void> {
    clock.advanceMs(milliseconds);
    for (const { app } of instances) await app.get(RevocationFeed).poll();
  }

  it.each([
    ['a session', ({ sessions }: Instance, handle: string) => sessions.revokeSession(handle)],
    ['a user', ({ sessions }: Instance) => sessions.revokeAllSessionsForUser('bob')],
    ['everyone', ({ sessions }: Instance) => sessions.revokeEverything()],
  ])(
    'the access token of %s that an old instance has ended stays refused for as long as it lives',
    async (_, revoke) => {
      const fleet = await startFleet({ sessions: former });
      const updated = await fleet.join(next);
      const session = await logIn(updated);
      await revoke(fleet.first, session.getHandle());
      const stayRefused = async (minutes: number): Promise<void> => {
        for (let passed = 0; passed < minutes; passed += 15) {
          await passTime(fleet, 15 * MINUTE_MS);
          await updated.app.get(SessionPruner).prune();
          for (const each of fleet.instances) expect(await isAccepted(each, session)).toBe(false);
        }
      };
      await stayRefused(45);
      await fleet.join(next);
      await stayRefused(90);
    },
  );

  it('what they have ended is forgotten once no access token of the longer life is left', async () => {
    const fleet = await startFleet({ sessions: former });
    const updated = await fleet.join(next);
    for (let count = 0; count < 3; count += 1) {
      await fleet.first.sessions.revokeSession((await logIn(updated)).getHandle());
    }
    const stored = (): Promise<number> =>
      updated.dataSource.getRepository(SessionRevocation).count();
    await passTime(fleet, 130 * MINUTE_MS - 1);
    await updated.app.get(SessionPruner).prune();
    expect(await stored()).toBe(3);
    await passTime(fleet, 1);
    await updated.app.get(SessionPruner).prune();
    expect(await stored()).toBe(0);
  });
});

describeOnEachDatabase(
  'while a deployment with a shorter `accessTokenLifetime` rolls',
  (engine) => {
    const startFleet = useFleets(engine);

    it('no merge makes a token of before live longer than the shorter lifetime lets it', async () => {
      const { first, clock, join } = await startFleet({ sessions: { accessTokenLifetime: '2h' } });
      const updated = await join({ accessTokenLifetime: '1m' });
      let token = (await logIn(first)).getAccessToken();
      for (let seconds = 0; seconds <= 60; seconds += 20) {
        const session = await updated.sessions.getSessionWithoutRequestResponse(token);
        await session.mergeIntoAccessTokenPayload({ seconds });
        token = session.getAccessToken();
        clock.advanceMs(20_000);
      }
      await expect(updated.sessions.getSessionWithoutRequestResponse(token)).rejects.toThrow(
        'try refresh token',
      );
    });
  },
);
