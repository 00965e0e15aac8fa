/*
 * A login finds out that a password is right, and makes its session later. Meanwhile the password is changed and the
 * sessions of its user are revoked. The search (support/login-model.ts) looks at every order of their steps; the rule
 * under test is the real `countsFromMs`.
 *
 * What is not modelled: two moments within one millisecond, which are taken for one, and clocks that disagree.
 */
import { describe, expect, it } from 'vitest';
import { countsFromMs } from '../../../lib/session/issue/login-standing.js';
import { searchLogins, type Change, type LoginProtocol } from '../../support/login-model.js';

const AFTER: Change = ['begin', 'write', 'commit', 'revoke at once'];
const INSIDE: Change = ['begin', 'write', 'revoke', 'commit'];
const BOTH: Change = ['begin', 'write', 'revoke', 'commit', 'revoke at once'];
const REVOKED_FIRST: Change = ['begin', 'revoke', 'write', 'commit'];

const protocol: LoginProtocol = {
  countsFrom: countsFromMs,
  counts: 'from its beginning',
  change: AFTER,
  readsWithLock: false,
};
const HOLDS = { exhausted: true, counterexample: undefined };
const OLD_LIVES = 'a session of the old password lives on';

function breaks(of: Partial<LoginProtocol>): string | undefined {
  return searchLogins({ ...protocol, ...of }).counterexample?.at(-1);
}

describe('a login that counts from when its request began', () => {
  it.each([
    ['after the new password is committed', { change: AFTER }],
    ['in its transaction and once more after it', { change: BOTH }],
    [
      'in its transaction, which a login waits for before it reads',
      { change: INSIDE, readsWithLock: true },
    ],
  ])('is overtaken where the sessions are revoked %s; later and own logins live', (_, of) => {
    expect(searchLogins({ ...protocol, ...of })).toMatchObject(HOLDS);
  });

  it('is not where they are revoked in the transaction alone: it may begin between that and the commit', () => {
    expect(breaks({ change: INSIDE })).toBe(OLD_LIVES);
  });

  it('nor where the lock comes after the cut-off', () => {
    expect(breaks({ change: REVOKED_FIRST, readsWithLock: true })).toBe(OLD_LIVES);
  });
});

describe('the search finds', () => {
  it('the session of a login that counts from its end', () => {
    for (const change of [AFTER, BOTH]) {
      expect(breaks({ change, counts: 'from its end' })).toBe(OLD_LIVES);
    }
  });

  it('the reset that refuses its own login, in a rule that knows no own cut-offs', () => {
    const strict: typeof countsFromMs = (begunAtMs, cutOffs) =>
      countsFromMs(
        begunAtMs,
        cutOffs.map((each) => ({ ...each, isOwn: false })),
      );
    expect(breaks({ countsFrom: strict })).toBe('a login with the new password is refused');
  });

  it('the reset whose session is dead, in a rule that lets it count from its beginning all the same', () => {
    const early: typeof countsFromMs = (begunAtMs, cutOffs) =>
      countsFromMs(begunAtMs, cutOffs) === undefined ? undefined : begunAtMs;
    expect(breaks({ countsFrom: early })).toBe('a session of the new password is dead');
  });
});

describe('a login that itself cuts off', () => {
  it.each([
    ['counts from its own cut-off', [{ cutOffAtMs: 20, isOwn: true }], 20],
    [
      'and from the last of several',
      [
        { cutOffAtMs: 30, isOwn: true },
        { cutOffAtMs: 20, isOwn: true },
      ],
      30,
    ],
    [
      'is overtaken by somebody else’s before it',
      [
        { cutOffAtMs: 20, isOwn: true },
        { cutOffAtMs: 15, isOwn: false },
      ],
      undefined,
    ],
    [
      'and not by one of before its beginning',
      [
        { cutOffAtMs: 10, isOwn: false },
        { cutOffAtMs: 20, isOwn: true },
      ],
      20,
    ],
  ])('%s', (_, cutOffs, fromMs) => {
    expect(countsFromMs(10, cutOffs)).toBe(fromMs);
  });
});
