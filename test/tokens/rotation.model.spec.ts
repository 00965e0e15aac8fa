/*
 * The rules of rotation over every order of events, by a search of a model (support/rotation-model.ts, its steps in
 * support/rotation-steps.ts). The rule under test is the real `decideRotation`.
 *
 * What is modelled. One session's row. One client, whose tabs share a cookie jar: each sends what the jar holds at that
 * moment, and what arrives last is what the jar holds. Requests and answers that arrive late, in any order, more than
 * once, or never. Servers that read the row, decide, and act later, so that any number of them may have decided before
 * the first acts: a rotation is a compare-and-swap whose loser reads and decides again; a sibling is made by the row as
 * it was read. Confirmations, written at any time after a token of the generation arrived, or never. A thief, who copies
 * the jar once at any moment, keeps everything it ever gets, and presents any of it at any time.
 *
 * Time goes in ticks; within one tick everything may happen in any order. A message may take `longestTransit` ticks and
 * no more: a request until its effect, an answer until it is in the jar. So a message of 1 tick beside a grace period of
 * 2 ticks takes less than all of it.
 *
 * What is not. Clocks that disagree, a row that goes back in time (`ahead`), expiry, and an answer to the login itself
 * that is still under way when the client first refreshes. How often the session has rotated isn't counted: a rule sees
 * a token as current, parent or spent, so the number of different worlds is finite, and the search comes to its end. A
 * search that is `exhausted` therefore holds for every number of steps, with up to `messages` of the client under way at
 * once; MODEL_MESSAGES sets another number.
 */
import { describe, expect, it, vi } from 'vitest';

import { decideRotation } from '../../lib/tokens/rotation.js';
import type { Protocol } from '../support/rotation-model.js';
import { searchRotation, type Bounds } from '../support/rotation-steps.js';

type Rule = typeof decideRotation;

// With four messages under way the longest search takes a minute or two.
vi.setConfig({ testTimeout: 600_000 });

const MESSAGES = Number(process.env['MODEL_MESSAGES'] ?? 3);

const protocol: Protocol = {
  decide: decideRotation,
  repeatCarriesToken: 'while unconfirmed',
  confirmationNotes: 'when it is written',
  arrivesAt: 'the client',
  sibling: 'a new token',
  gracePeriod: 2,
};
const clientAlone: Bounds = { longestTransit: 1, transit: 'each way', messages: MESSAGES };
const withThief: Bounds = { ...clientAlone, messages: MESSAGES - 1, movesOfOther: 1 };

const HOLDS = { exhausted: true, counterexample: undefined };
const TAKEN_FOR_A_THIEF = 'a client alone is taken for a thief';

describe('a client alone', () => {
  it('never loses its session while each message takes less than a grace period', () => {
    expect(searchRotation(protocol, clientAlone)).toMatchObject(HOLDS);
  });

  it('may lose it when a message takes a whole one', () => {
    expect(breaks({ ...protocol, gracePeriod: 1 }, clientAlone)).toBe(TAKEN_FOR_A_THIEF);
  });

  it('would lose it sooner if rotations waited for two grace periods: a sibling overtakes its twin', () => {
    const hasty = { ...protocol, decide: rotatingAfter(2), gracePeriod: 3 };
    expect(breaks(hasty, { ...clientAlone, longestTransit: 2 })).toBe(TAKEN_FOR_A_THIEF);
  });
});

describe('a client alone depends on its servers, which', () => {
  it('may leave the refresh token out of every repetition', () => {
    const silent: Protocol = { ...protocol, repeatCarriesToken: 'never' };
    expect(searchRotation(silent, clientAlone)).toMatchObject(HOLDS);
  });

  it('must not answer every repetition with the refresh token, since that may arrive after its child', () => {
    expect(breaks({ ...protocol, repeatCarriesToken: 'always' }, clientAlone)).toBe(
      TAKEN_FOR_A_THIEF,
    );
  });

  it('must not note a confirmation as earlier than it is written, where repetitions bring the token', () => {
    expect(breaks({ ...protocol, confirmationNotes: 'when it was seen' }, clientAlone)).toBe(
      TAKEN_FOR_A_THIEF,
    );
  });

  it('must not take the use by its page server for an arrival', () => {
    const hasty: Protocol = { ...protocol, arrivesAt: 'its page server' };
    expect(breaks(hasty, { ...clientAlone, messages: 1 })).toBe(TAKEN_FOR_A_THIEF);
  });

  it('may note it so where repetitions bring an access token alone', () => {
    const seen = { confirmationNotes: 'when it was seen', repeatCarriesToken: 'never' } as const;
    expect(searchRotation({ ...protocol, ...seen }, clientAlone)).toMatchObject(HOLDS);
  });
});

describe('a thief and the owner who both hold the token', () => {
  it('part ways: once either has moved on twice since the theft, whatever the other presents is reuse', () => {
    expect(searchRotation(protocol, withThief)).toMatchObject(HOLDS);
  });

  it('part ways however slow the messages of the owner are', () => {
    const slow = { ...withThief, longestTransit: 3, messages: 1 };
    expect(searchRotation({ ...protocol, gracePeriod: 1 }, slow)).toMatchObject(HOLDS);
  });

  it('can both move on once, so that no smaller number would do', () => {
    expect(breaks(protocol, { ...withThief, movesOfOther: 0 })).toBe(
      'the client has moved on unseen',
    );
  });
});

describe('the search finds', () => {
  it('the lost answer, in a rule that takes the parent for reuse at once', () => {
    const alone = { ...clientAlone, messages: 1 };
    expect(breaks({ ...protocol, decide: takingParentsForReuse }, alone)).toBe(TAKEN_FOR_A_THIEF);
  });

  it('the second tab, in a rule that rotates whenever it can', () => {
    expect(breaks({ ...protocol, decide: rotatingAfter(0) }, clientAlone)).toBe(TAKEN_FOR_A_THIEF);
  });

  it.each([1, 2, 3])(
    'the thief who rides along, where every caller gets the same child (%i moves)',
    (movesOfOther) => {
      const same: Protocol = { ...protocol, sibling: 'the same token' };
      const bounds = { ...withThief, messages: 1, movesOfOther };
      expect(breaks(same, bounds)).toBe('the client has moved on unseen');
    },
  );
});

function breaks(of: Protocol, bounds: Bounds): string | undefined {
  return searchRotation(of, bounds).counterexample?.at(-1);
}

/** The rule, but for how many grace periods after its confirmation a generation ends. */
function rotatingAfter(gracePeriods: number): Rule {
  return (token, row, gracePeriodMs, nowMs) => {
    const decision = decideRotation(token, row, gracePeriodMs, nowMs);
    if (row.generation === 0 || !['rotate', 'repeat'].includes(decision)) return decision;
    if (gracePeriods === 0) return 'rotate';
    const waited = row.confirmedAtMs === null ? 0 : nowMs - row.confirmedAtMs;
    return waited >= gracePeriods * gracePeriodMs ? 'rotate' : 'repeat';
  };
}

function takingParentsForReuse(...presented: Parameters<Rule>): ReturnType<Rule> {
  const decision = decideRotation(...presented);
  return decision === 'sibling' ? 'reuse' : decision;
}
