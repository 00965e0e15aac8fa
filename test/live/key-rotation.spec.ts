import { decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { SessionSigningKey, type LiveEnd, type SessionContainer } from '../../lib/index.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { logIn, useFleets, type Fleet, type Instance } from '../support/fleet.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
// The feed is read where a test says so, and not in between.
const QUIET = { revocation: { pollInterval: '1h', maxStaleness: '1d' } } as const;

function kidOf(session: SessionContainer): string {
  return decodeProtectedHeader(session.getAccessToken()).kid ?? '';
}

function endsOf({ sessions }: Instance, session: SessionContainer): LiveEnd[] {
  const ends: LiveEnd[] = [];
  sessions.watch(session, (end) => ends.push(end));
  return ends;
}

/** What the timers of the keys and of the feed do, in the moment of the test's choice. */
async function beat({ app, sessions }: Instance): Promise<void> {
  await sessions.revokeKey('d-0123456789abcdef');
  const feed = app.get(RevocationFeed) as { task: { runNow(): Promise<void> } };
  await feed.task.runNow();
}

/** Lets time pass, in which somebody logs in twice a day: the next key is made as soon as it is due. */
async function pass({ clock, instances }: Fleet, days: number): Promise<void> {
  for (let halfDay = 0; halfDay < 2 * days; halfDay += 1) {
    clock.advanceMs(DAY / 2);
    for (const each of instances.toReversed()) {
      await logIn(each, 'carol');
      const { making } = each.app.get(KeyRing) as { making: Map<string, Promise<void>> };
      await Promise.all(making.values());
    }
    for (const each of instances) await beat(each);
  }
}

async function storedKids({ dataSource }: Instance): Promise<string[]> {
  const rows = await dataSource.getRepository(SessionSigningKey).findBy({ kind: 'dynamic' });
  return rows.map(({ kid }) => kid);
}

describe('a session that is held open while signing keys rotate', () => {
  const start = useFleets('sqlite');

  it('goes on after its key has retired, and after that key’s row is gone', async () => {
    const fleet = await start({ instances: 2, sessions: QUIET });
    const here = fleet.first;
    const session = await logIn(here);
    const ends = endsOf(here, session);
    await pass(fleet, 8);
    expect(here.sessions.getJWKS().keys.map(({ kid }) => kid)).not.toContain(kidOf(session));
    expect(ends).toEqual([]);
    await pass(fleet, 8);
    expect(await storedKids(here)).not.toContain(kidOf(session));
    // So does what the same connection opens now.
    const later = endsOf(here, session);
    await pass(fleet, 16);
    expect([ends, later]).toEqual([[], []]);
    await here.sessions.revokeSession(session.getHandle());
    await expect
      .poll(() => [...ends, ...later].map(({ reason }) => reason))
      .toEqual(['revoked', 'revoked']);
  });

  it.each([
    ['in use', 0],
    ['about to retire', 7],
    ['retired', 9],
  ])('ends on every instance where somebody revokes its key, which is %s', async (_, days) => {
    const fleet = await start({ instances: 2, sessions: QUIET });
    const { first: here, clock } = fleet;
    const session = await logIn(here);
    const ends = endsOf(here, session);
    await pass(fleet, days);
    clock.advanceMs(HOUR / 2);
    await beat(here);
    expect(ends).toEqual([]);
    const other = endsOf(here, await logIn(here, 'dave'));
    const [, there] = fleet.instances;
    expect(await there?.sessions.revokeKey(kidOf(session))).toBe(true);
    await beat(here);
    expect(ends).toMatchObject([{ reason: 'signing-key-revoked' }]);
    expect(other).toHaveLength(days === 0 ? 1 : 0);
  });

  it('stays where somebody revokes a later key, and those of that key end', async () => {
    const fleet = await start({ instances: 2, sessions: QUIET });
    const { first: here, clock } = fleet;
    const ends = endsOf(here, await logIn(here));
    await pass(fleet, 16);
    clock.advanceMs(HOUR);
    const young = await logIn(here, 'dave');
    const ofYoung = endsOf(here, young);
    const [, there] = fleet.instances;
    await there?.sessions.revokeKey(kidOf(young));
    await beat(here);
    expect(ofYoung).toMatchObject([{ reason: 'signing-key-revoked' }]);
    expect(ends).toEqual([]);
  });

  it('ends where its key went unseen: an instance that could not read the keys can’t tell why', async () => {
    const { first: here, clock, join } = await start({ sessions: QUIET });
    const session = await logIn(here);
    const ends = endsOf(here, session);
    const there = await join(QUIET);
    await there.sessions.revokeKey(kidOf(session));
    clock.advanceMs(3 * HOUR);
    await beat(here);
    expect(ends).toMatchObject([{ reason: 'signing-key-revoked' }]);
  });
});
