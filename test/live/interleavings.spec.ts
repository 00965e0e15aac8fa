import { describe, expect, it } from 'vitest';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { RevokedSessions, type Revocation } from '../../lib/revocation/revoked-sessions.js';
import { FakeClock } from '../../lib/testing/index.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import type { RevocationNews } from '../../lib/verification/known-revocations.js';
import type { LiveEnd } from '../../lib/verification/session-ends.js';

const HOUR = 3_600_000;
const HANDLE = newSessionHandle(Date.UTC(2026, 0, 1));
const OPTIONS = resolveSessionOptions({}, { production: false });
const KEY = { kid: 'd-0123456789abcdef' };
const HEADER = { typ: 'at+jwt', version: '5', kid: KEY.kid };
const TOKEN = `${Buffer.from(JSON.stringify(HEADER)).toString('base64url')}.e30.x`;

/** All orders of the steps of several actors, each of which does its own in their order. */
function* orders<Step>(actors: readonly (readonly Step[])[]): Generator<Step[]> {
  if (actors.every((steps) => steps.length === 0)) yield [];
  for (const [index, [next, ...rest]] of actors.entries()) {
    if (next === undefined) continue;
    for (const others of orders(actors.with(index, rest))) yield [next, ...others];
  }
}

/** One instance: what it knows of revocations, what it holds open, and the database that it reads. */
class World {
  readonly clock = new FakeClock(Date.UTC(2026, 0, 1, 0, 1));
  readonly ends: LiveEnd[] = [];
  held: 'not yet' | 'refused' | 'held' = 'not yet';
  private readonly known = new RevokedSessions();
  private readonly listeners = new Set<(news: readonly RevocationNews[]) => void>();
  private committed: Revocation[] = [];
  private snapshot: readonly Revocation[] = [];
  private isRowThere = true;
  private reading: (() => void) | undefined;
  private isVerified = false;
  private readonly open: OpenSessions;
  private readonly claims = {
    sub: 'bob',
    tId: 'public',
    sessionHandle: HANDLE,
    refreshTokenHash1: '',
    parentRefreshTokenHash1: null,
    antiCsrfToken: null,
    iat: this.clock.now() / 1_000,
    exp: (this.clock.now() + HOUR) / 1_000,
  };
  private readonly session = { handle: HANDLE, userId: 'bob', tenantId: 'public' };

  constructor() {
    const revocations = {
      isRevoked: (session: typeof this.session) => this.known.isRevoked(session),
      staleClaimsSinceMs: () => undefined,
      isStale: false,
      maxStalenessMs: 60_000,
      accessTokenLifetimeMs: HOUR,
      onNews: (listener: (news: readonly RevocationNews[]) => void) => {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
    };
    const rows = {
      findLive: () => Promise.resolve(undefined),
      heldRows: () => {
        const end = { reason: 'expired-idle' as const, atMs: this.clock.now() + HOUR };
        const found = this.isRowThere
          ? new Map([[HANDLE, { row: undefined as never, end, isBound: false }]])
          : new Map<string, never>();
        return new Promise<typeof found>((resolve) => (this.reading = () => resolve(found)));
      },
    };
    const keys = {
      findVerificationKey: () => KEY as never,
      findKnownKey: () => KEY as never,
      reloadForUnknownKey: () => Promise.resolve(),
    };
    this.open = new OpenSessions(revocations, rows, keys, this.clock, OPTIONS);
  }

  verify(): void {
    this.isVerified = !this.known.isRevoked(this.session);
    if (!this.isVerified) this.held = 'refused';
  }

  hold(): void {
    if (!this.isVerified) return;
    this.held = 'held';
    this.open.watch({ accessToken: TOKEN, claims: this.claims }, (end) => this.ends.push(end));
  }

  revokeElsewhere(line: Revocation): void {
    this.committed = [...this.committed, line];
    this.isRowThere = false;
  }

  beginPoll(): void {
    this.snapshot = this.committed;
  }

  endPoll(): void {
    const news = this.snapshot.filter((each) => this.known.add(each));
    for (const listener of this.listeners) listener(news);
    for (const listener of this.listeners) listener([]);
  }

  /** The token is over, so that the row is looked at. */
  passAnHour(): void {
    this.clock.advanceMs(HOUR);
  }

  async answerReading(): Promise<void> {
    this.reading?.();
    this.reading = undefined;
    await new Promise(setImmediate);
  }

  get size(): number {
    return this.open.size;
  }
}

const LINES: readonly [string, Revocation][] = [
  [
    'a handle',
    { kind: 'session', handle: HANDLE, reason: 'revoked', expiresAtMs: Number.MAX_SAFE_INTEGER },
  ],
  [
    'a cut-off of the user',
    {
      kind: 'cut-off',
      userId: 'bob',
      tenantId: null,
      cutOffAtMs: Date.UTC(2027, 0, 1),
      reason: 'revoked-all',
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    },
  ],
  [
    'a cut-off of everyone',
    {
      kind: 'cut-off',
      userId: null,
      tenantId: null,
      cutOffAtMs: Date.UTC(2027, 0, 1),
      reason: 'revoked-everything',
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    },
  ],
];

describe('a connection that is opened in the moment of a revocation', () => {
  it.each(LINES)('never outlives the next look at the feed, in any order: %s', async (_, line) => {
    let count = 0;
    type Doing = keyof World &
      ('verify' | 'hold' | 'beginPoll' | 'endPoll' | 'passAnHour' | 'answerReading');
    const actors: readonly (readonly (Doing | 'revoke')[])[] = [
      ['verify', 'hold'],
      ['revoke'],
      ['beginPoll', 'endPoll', 'beginPoll', 'endPoll'],
      ['passAnHour', 'answerReading'],
    ];
    for (const order of orders(actors)) {
      const world = new World();
      for (const step of order) {
        if (step === 'revoke') world.revokeElsewhere(line);
        else await world[step]();
      }
      world.beginPoll();
      world.endPoll();
      const isRight = world.held === 'held' ? world.ends.length === 1 : world.ends.length === 0;
      expect([order, isRight, world.size]).toEqual([order, true, 0]);
      count += 1;
    }
    expect(count).toBe(3_780);
  });
});
