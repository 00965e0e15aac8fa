import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyRing } from '../../lib/keys/key-ring.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../lib/options/resolved-options.js';
import { absoluteEndMs, idleEndMs } from '../../lib/session/mint/session-lifetime.js';
import { RefreshWrites } from '../../lib/session/refresh/refresh-writes.js';
import { SessionRotator } from '../../lib/session/refresh/session-rotator.js';
import { SessionTokenMinter } from '../../lib/session/mint/session-token-minter.js';
import type { SessionRecord } from '../../lib/store/session-record.js';
import { SessionStore } from '../../lib/store/session.store.js';
import { decideRotation } from '../../lib/tokens/rotation.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Fleet } from '../support/fleet.js';

const GRACE_MS = 30_000;
const ABSOLUTE_MS = 86_400_000;
const SHORT_MS = 3_600_000;
const LONG_MS = 2 * SHORT_MS;
const RUNS = 300;
const MANY = 40;
const PRESENTED_HASH = 'c'.repeat(64);

// What a rotation leaves as it is, each of it to be told apart from what a new row has.
const UNLIKE_ANY_DEFAULT = {
  tenantId: 'shop',
  accessTokenPayload: { plan: 'pro' },
  sessionData: { cart: [1, 2] },
  dataVersion: 3,
  impersonating: '0190a8e4-0000-7000-8000-000000000000',
  ip: '203.0.113.7',
  userAgent: 'Firefox',
};

/** A session, a token that may be its own, and options, each at the edge of every rule. */
interface Situation {
  row: Pick<SessionRecord, 'generation' | 'parentHash' | 'persistent'>;
  ageMs: number;
  confirmedAgoMs: number | null;
  /** How much longer the session lasts by its row. */
  lastsMs: number;
  token: { generation: number; parentHash: string };
  /** How long ago it was refreshed. */
  activeAgoMs: number;
  options: Pick<
    ResolvedSessionOptions,
    | 'refreshGracePeriodMs'
    | 'absoluteTimeoutMs'
    | 'refreshTokenLifetimeMs'
    | 'nonPersistentLifetimeMs'
  >;
}

const aroundEdges = (...edges: number[]): fc.Arbitrary<number> =>
  fc.constantFrom(...edges.flatMap((edge) => [edge - 1, edge, edge + 1]));
const hash = fc.constantFrom('a'.repeat(64), 'b'.repeat(64));
const generation = fc.constantFrom(0, 1, 2, 2 ** 31 - 2, 2 ** 31 - 1);
const mostly = <T>(value: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: other });

const situation: fc.Arbitrary<Situation> = fc
  .record({ generation, parentHash: hash, persistent: fc.boolean() })
  .chain((row) =>
    fc.record({
      row: fc.constant(row),
      ageMs: aroundEdges(GRACE_MS, ABSOLUTE_MS),
      confirmedAgoMs: fc.option(aroundEdges(0, GRACE_MS, 3 * GRACE_MS, 10 * GRACE_MS)),
      activeAgoMs: mostly(0, aroundEdges(SHORT_MS, LONG_MS)),
      lastsMs: mostly(ABSOLUTE_MS, aroundEdges(0)),
      token: fc.record({
        generation: mostly(row.generation, generation),
        parentHash: mostly(row.parentHash, hash),
      }),
      options: fc.record({
        refreshGracePeriodMs: fc.constantFrom(0, GRACE_MS),
        absoluteTimeoutMs: fc.constantFrom(undefined, ABSOLUTE_MS),
        refreshTokenLifetimeMs: fc.constantFrom(SHORT_MS, LONG_MS),
        nonPersistentLifetimeMs: fc.constantFrom(SHORT_MS, LONG_MS),
      }),
    }),
  );

describeOnEachDatabase('a rotation that a token alone requests', (engine) => {
  const startFleet = useFleets(engine);

  /** Both ways, each on a row of its own: what was told of the one not read, and what the rows are then. */
  async function both({ first, clock }: Fleet, given: Situation) {
    const { app } = first;
    const store = app.get(SessionStore);
    const nowMs = clock.now();
    const template = await store.find((await logIn(first)).getHandle());
    if (template === undefined) throw new Error('no row to copy');
    const base: ResolvedSessionOptions = app.get(RESOLVED_SESSION_OPTIONS);
    const options = { ...base, ...given.options };
    const minter = app.get(SessionTokenMinter);
    const writes = new RefreshWrites();
    const rotator = new SessionRotator(store, app.get(KeyRing), minter, writes, clock, options);
    const createdAtMs = nowMs - given.ageMs;
    const newRow = async (): Promise<SessionRecord> => {
      const row = {
        ...template,
        ...UNLIKE_ANY_DEFAULT,
        ...given.row,
        handle: newSessionHandle(createdAtMs),
        createdAtMs,
        authenticatedAtMs: createdAtMs + 7,
        rotatedAtMs: createdAtMs,
        lastActiveAtMs: nowMs - given.activeAgoMs,
        confirmedAtMs: given.confirmedAgoMs === null ? null : nowMs - given.confirmedAgoMs,
        expiresAtMs: nowMs + given.lastsMs,
      };
      await store.insert(row);
      return row;
    };
    const presentedOf = ({ handle }: SessionRecord) => ({
      ...given.token,
      sessionHandle: handle,
      hash: PRESENTED_HASH,
      keyId: 'k'.repeat(16),
    });

    const unreadRow = await newRow();
    const told = await rotator.rotateByToken(presentedOf(unreadRow));
    const readRow = await newRow();
    const presented = presentedOf(readRow);
    const isLive =
      idleEndMs(readRow, options) > nowMs && absoluteEndMs(readRow.createdAtMs, options) > nowMs;
    const decision = decideRotation(presented, readRow, options.refreshGracePeriodMs, nowMs);
    const hasNext = readRow.generation < 2 ** 31 - 1;
    const rotates = isLive && decision === 'rotate' && hasNext;
    if (rotates) await rotator.rotate(readRow, presented, false);
    const [unread, read] = await Promise.all(
      [unreadRow, readRow].map(async ({ handle }) => ({
        ...(await store.find(handle)),
        handle: '',
      })),
    );
    return {
      rotates,
      unread: { told: told && { ...told.record, handle: '' }, row: unread },
      read,
      before: { ...unreadRow, handle: '' },
    };
  }

  type Outcome = Awaited<ReturnType<typeof both>>;
  const expected = ({ rotates, read, before }: Outcome) =>
    rotates ? { told: read, row: read } : { told: undefined, row: before };

  it('rotates where the rules of rotation would, and writes the same row', async () => {
    const fleet = await startFleet();
    let rotated = 0;
    await fc.assert(
      fc.asyncProperty(situation, async (given) => {
        const outcome = await both(fleet, given);
        expect(outcome.unread).toEqual(expected(outcome));
        if (outcome.rotates) rotated += 1;
      }),
      { numRuns: RUNS },
    );
    expect(rotated).toBeGreaterThan(RUNS / 10);
  });

  it('does the same where many share a statement', async () => {
    const fleet = await startFleet();
    for (const seed of [1, 2, 3]) {
      const many = fc.sample(situation, { numRuns: MANY, seed });
      const outcomes = await Promise.all(many.map((given) => both(fleet, given)));
      expect(outcomes.map(({ unread }) => unread)).toEqual(outcomes.map(expected));
    }
  });
});

// Without a grace period a token that is presented twice is taken for a stolen one.
describeOnEachDatabase('a refresh without a grace period spends no token', (engine) => {
  const startFleet = useFleets(engine);
  const sessions = { refreshGracePeriod: 0 } as const;
  const PAYLOAD = { text: 'x'.repeat(2_550) };

  it('where the next access token is too large for a cookie', async () => {
    const fleet = await startFleet({ sessions });
    const { first } = fleet;
    const login = await first.sessions.createNewSessionWithoutRequestResponse(
      'public',
      'bob',
      PAYLOAD,
    );
    const token = refreshTokenOf(login);
    const names = { accessToken: 'a'.repeat(64) };
    const other = await fleet.join({ ...sessions, cookie: { names } });
    for (let tries = 0; tries < 2; tries += 1) {
      const refreshing = other.sessions.refreshSessionWithoutRequestResponse(token);
      await expect(refreshing).rejects.toThrow('accessTokenPayload makes a cookie of');
    }
    const refreshed = await first.sessions.refreshSessionWithoutRequestResponse(token);
    expect(refreshed.getHandle()).toBe(login.getHandle());
    expect(other.events).not.toContain('theftDetected');
  });

  it('where the database cannot be asked whether all sessions were ended', async () => {
    const { first } = await startFleet({ sessions: { ...sessions, revocation: false } });
    const login = await logIn(first);
    const token = refreshTokenOf(login);
    await first.dataSource.query('ALTER TABLE auth_session_revocation RENAME TO gone');
    for (let tries = 0; tries < 2; tries += 1) {
      const refreshing = first.sessions.refreshSessionWithoutRequestResponse(token);
      await expect(refreshing).rejects.toMatchObject({ code: 'SESSION_STORE_FAILED' });
    }
    await first.dataSource.query('ALTER TABLE gone RENAME TO auth_session_revocation');
    const refreshed = await first.sessions.refreshSessionWithoutRequestResponse(token);
    expect(refreshed.getHandle()).toBe(login.getHandle());
    expect(first.events).not.toContain('theftDetected');
  });
});
