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
const FORMER_KEY = '0123456789abcdef'.repeat(4);
const NEW_KEY = 'fedcba9876543210'.repeat(4);

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

/** Somebody logs in, and the next key is made if it is due. */
async function logInAndMakeNext(instance: Instance): Promise<void> {
  await logIn(instance, 'carol');
  const { making } = instance.app.get(KeyRing) as { making: Map<string, Promise<void>> };
  await Promise.all(making.values());
}

/** Lets time pass, in which somebody logs in twice a day: the next key is made as soon as it is due. */
async function pass({ clock, instances }: Fleet, days: number): Promise<void> {
  for (let halfDay = 0; halfDay < 2 * days; halfDay += 1) {
    clock.advanceMs(DAY / 2);
    for (const each of instances.toReversed()) {
      await logInAndMakeNext(each);
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

  it('stays where its key’s row is gone and somebody revokes a later key, and those of that key end', async () => {
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

  it('ends where somebody revokes the key after its own whose row is still there: an instance can’t tell them apart', async () => {
    const fleet = await start({ instances: 2, sessions: QUIET });
    const { first: here } = fleet;
    const session = await logIn(here);
    const ends = fleet.instances.map((each) => endsOf(each, session));
    await pass(fleet, 9);
    expect(await storedKids(here)).toContain(kidOf(session));
    const [, there] = fleet.instances;
    await there?.sessions.revokeKey(kidOf(await logIn(here, 'dave')));
    await beat(here);
    const end = [{ reason: 'signing-key-revoked' }];
    expect(ends).toMatchObject([end, end]);
  });

  it('ends where its retired key and then the one in use are revoked before another instance reads the keys', async () => {
    const fleet = await start({ instances: 2, sessions: QUIET });
    const { first: here } = fleet;
    const session = await logIn(here);
    const ends = endsOf(here, session);
    await pass(fleet, 9);
    const inUse = kidOf(await logIn(here, 'dave'));
    const [, there] = fleet.instances;
    expect(await there?.sessions.revokeKey(kidOf(session))).toBe(true);
    expect(await there?.sessions.revokeKey(inUse)).toBe(true);
    await beat(here);
    expect(ends).toMatchObject([{ reason: 'signing-key-revoked' }]);
  });

  it('ends so too where the instance can’t open the one in use', async () => {
    const sessions = { ...QUIET, signing: { rotationInterval: '1h' } } as const;
    const {
      first: here,
      clock,
      join,
    } = await start({
      sessions: { ...sessions, encryptionKey: FORMER_KEY },
    });
    const there = await join({ ...sessions, encryptionKey: [NEW_KEY, FORMER_KEY] });
    const session = await logIn(here);
    const ends = endsOf(here, session);
    for (const each of [here, there]) {
      clock.advanceMs(HOUR);
      await logInAndMakeNext(each);
    }
    clock.advanceMs(10 * MINUTE);
    await beat(here);
    expect(ends).toEqual([]);
    const inUse = kidOf(await logIn(there, 'dave'));
    expect(await there.sessions.revokeKey(kidOf(session))).toBe(true);
    expect(await there.sessions.revokeKey(inUse)).toBe(true);
    await beat(here);
    expect(ends).toMatchObject([{ reason: 'signing-key-revoked' }]);
  });

  it.each([
    ['refresh tokens', 'mac'],
    ['createJWT', 'static'],
  ])('stays where its key has retired and somebody revokes that of %s', async (_, kind) => {
    const fleet = await start({ instances: 2, sessions: QUIET });
    const { first: here } = fleet;
    await here.sessions.createJWT({ purpose: 'export' }, undefined, true);
    const session = await logIn(here);
    const ends = fleet.instances.map((each) => endsOf(each, session));
    await pass(fleet, 9);
    expect(await storedKids(here)).toContain(kidOf(session));
    const keys = here.dataSource.getRepository(SessionSigningKey);
    const { kid } = await keys.findOneByOrFail({ kind });
    expect(await here.sessions.revokeKey(kid)).toBe(true);
    for (const each of fleet.instances) await beat(each);
    expect(ends).toEqual([[], []]);
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
