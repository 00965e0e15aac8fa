import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import { inspectSessions, SessionHealth, type SessionContainer } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import type { RevocationRecord } from '../../lib/store/revocation-record.js';
import { SessionDatabase } from '../../lib/store/session-database.js';
import type { BootOptions } from '../support/boot-app.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, useFleets, type Fleet, type Instance } from '../support/fleet.js';

const MANY = 4_500;
const UNTIL_TOLD = { timeout: 30_000, interval: 5 };

describeOnEachDatabase('the start of an instance, with thousands of revocations,', (engine) => {
  const startFleet = useFleets(engine);
  let release: () => void = () => undefined;
  // Before the fleet is stopped, which waits for the reading.
  afterEach(() => release());
  vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);

  /** A fleet whose feed ends with the revocation of one session, while another one lives. */
  async function fleetWithLongFeed(): Promise<
    Fleet & { ended: SessionContainer; live: SessionContainer }
  > {
    const fleet = await startFleet();
    const { first, clock } = fleet;
    const [ended, live] = [await logIn(first), await logIn(first, 'al')];
    const atMs = clock.now();
    const store = new RevocationStore(first.app.get(SessionDatabase));
    await store.insert(Array.from({ length: MANY }, () => line(atMs)));
    clock.advanceMs(1_000);
    await first.sessions.revokeSession(ended.getHandle());
    return { ...fleet, ended, live };
  }

  /** Holds the next reading of a whole feed after a thousand sessions. It goes on page by page, as told. */
  function holdReading(): { goOn: (pages?: number) => void; fail: (error: Error) => void } {
    let allowed = 0;
    let failure: Error | undefined;
    const read = RevocationStore.prototype.livePages;
    const spy = vi.spyOn(RevocationStore.prototype, 'livePages');
    spy.mockImplementationOnce(async function* (this: RevocationStore, endAfterMs: number) {
      spy.mockRestore();
      let lines = 0;
      for await (const page of read.call(this, endAfterMs)) {
        if (lines >= 1_000) {
          await vi.waitUntil(() => allowed > 0 || failure !== undefined, UNTIL_TOLD);
          if (failure !== undefined) throw failure;
          allowed -= 1;
        }
        yield page;
        lines += page.length;
      }
    });
    const goOn = (pages = Number.POSITIVE_INFINITY): void => {
      allowed += pages;
    };
    const fail = (error: Error): void => {
      failure = error;
    };
    release = goOn;
    return { goOn, fail };
  }

  const isStale = ({ app }: Instance): boolean => app.get(RevocationFeed).isStale;

  function isAccepted({ sessions }: Instance, session: SessionContainer): Promise<boolean> {
    return sessions.getSessionWithoutRequestResponse(session.getAccessToken()).then(
      () => true,
      () => false,
    );
  }

  it('does not wait for all of them, and asks the database until it has read them', async () => {
    const { join, ended, live } = await fleetWithLongFeed();
    const { goOn } = holdReading();
    const second = await join();
    expect(isStale(second)).toBe(true);
    expect(await isAccepted(second, ended)).toBe(false);
    expect(await isAccepted(second, live)).toBe(true);
    goOn();
    await vi.waitUntil(() => !isStale(second), 10_000);
    expect(second.app.get(RevocationFeed).size).toBe(MANY + 1);
    expect(await isAccepted(second, ended)).toBe(false);
    expect(await isAccepted(second, live)).toBe(true);
  });

  it('knows every cut-off and every claim that is stale', async () => {
    const { first, join } = await fleetWithLongFeed();
    await first.sessions.markClaimsStale('cy');
    const { goOn } = holdReading();
    const second = await join();
    expect(second.app.get(RevocationFeed).staleClaimsSinceMs('cy')).toBeDefined();
    goOn();
  });

  it('has all that was written while it read, before it relies on what it has read', async () => {
    const { first, join, live } = await fleetWithLongFeed();
    const { goOn } = holdReading();
    const second = await join();
    await first.sessions.revokeEverything();
    await first.sessions.markClaimsStale('cy');
    expect(await isAccepted(second, live)).toBe(false);
    goOn();
    await vi.waitUntil(() => !isStale(second));
    expect(await isAccepted(second, live)).toBe(false);
    expect(second.app.get(RevocationFeed).staleClaimsSinceMs('cy')).toBeDefined();
  });

  it('has news within the poll interval, however long it reads', async () => {
    const { first, join, clock, live } = await fleetWithLongFeed();
    const { goOn } = holdReading();
    const second = await join();
    await first.sessions.revokeEverything();
    clock.advanceMs(1_000);
    goOn(1);
    const feed = second.app.get(RevocationFeed);
    const session = { handle: live.getHandle(), userId: 'al', tenantId: 'public' };
    await vi.waitUntil(() => feed.isRevoked(session), 10_000);
    expect(feed.isStale).toBe(true);
  });

  it('is over at once where the application is closed, and does not pass for a whole reading', async () => {
    const { join } = await fleetWithLongFeed();
    const { goOn } = holdReading();
    const second = await join();
    const feed = second.app.get(RevocationFeed);
    const stopping = feed.stop();
    goOn();
    await stopping;
    expect(feed.size).toBeLessThan(MANY);
    expect(feed.isStale).toBe(true);
  });

  it('tells how long it has been reading, as the age of its news', async () => {
    const { join, clock } = await fleetWithLongFeed();
    const { goOn } = holdReading();
    const second = await join();
    clock.advanceMs(90_000);
    const health = await second.app.get(SessionHealth).check();
    expect(health).toMatchObject({ isFeedStale: true, feedAgeMs: 90_000 });
    const found = await inspectSessions(second.app);
    expect(found.map(({ code }) => code)).toContain('feed');
    goOn();
  });

  it.each<[string, BootOptions['sessions']]>([
    ['that never calls its news too old', { revocation: { maxStaleness: false } }],
    [
      'that tells services of them',
      {
        issuer: 'https://api.example.com/auth',
        routes: { revocations: { secrets: ['a-secret-of-the-tests-and-of-nobody-else'] } },
      },
    ],
  ])('waits for all of them on an instance %s', async (_, sessions) => {
    const { join } = await fleetWithLongFeed();
    const { goOn } = holdReading();
    let hasStarted = false;
    const joining = join(sessions).finally(() => (hasStarted = true));
    const later = setTimeout(() => goOn(), 300);
    await Promise.race([joining, new Promise((resolve) => setTimeout(resolve, 200))]);
    expect(hasStarted).toBe(false);
    const second = await joining;
    clearTimeout(later);
    expect(second.app.get(RevocationFeed).size).toBe(MANY + 1);
  });

  it('reads them again with the next poll if the reading fails', async () => {
    const { join, ended } = await fleetWithLongFeed();
    const { fail } = holdReading();
    const second = await join();
    fail(new Error('the connection is lost'));
    await vi.waitUntil(() => !isStale(second), 10_000);
    expect(await isAccepted(second, ended)).toBe(false);
  });
});

function line(atMs: number): RevocationRecord {
  return {
    id: randomUUID(),
    kind: 'session',
    handle: randomUUID(),
    userId: 'bob',
    tenantId: 'public',
    cutOffAtMs: null,
    reason: 'revoked',
    detail: null,
    revokedAtMs: atMs,
    expiresAtMs: atMs + 3_600_000,
    keptUntilMs: atMs + 3_600_000,
  };
}
