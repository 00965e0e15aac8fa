/*
 * What `rotation.model.spec.ts` shows for a model of tokens and time, here with real tokens and milliseconds, for
 * scripts drawn at random. SIMULATION_RUNS sets how many.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { RotationSimulation, type Outcome, type Refresh } from '../support/rotation-simulation.js';

const RUNS = Number(process.env['SIMULATION_RUNS'] ?? 3_000);
const GRACE_PERIOD_MS = 30_000;
const HOUR_MS = 3_600_000;

const aroundGracePeriod = fc.integer({ min: -50, max: 50 }).map((ms) => GRACE_PERIOD_MS * 3 + ms);
const wait = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 1, 100) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: GRACE_PERIOD_MS }) },
  { weight: 3, arbitrary: aroundGracePeriod },
  { weight: 1, arbitrary: fc.constantFrom(HOUR_MS, 24 * HOUR_MS, 99 * 24 * HOUR_MS) },
);

describe('over random scripts of refreshes', () => {
  it('a client alone is never taken for a thief while each message takes less than a grace period', () => {
    const script = fc.array(refreshesOf('client', GRACE_PERIOD_MS), { maxLength: 25 });
    fc.assert(
      fc.property(script, (refreshes) => {
        expect(play(refreshes).decisions).not.toContain('reuse');
      }),
      { numRuns: RUNS },
    );
  });

  it('a thief or an owner who has moved on twice has left the other behind', () => {
    const refresh = fc.oneof(
      refreshesOf('client', GRACE_PERIOD_MS),
      refreshesOf('thief', GRACE_PERIOD_MS),
    );
    const theft = fc.integer({ min: 0, max: 2 * HOUR_MS });
    let thefts = 0;
    fc.assert(
      fc.property(fc.array(refresh, { maxLength: 25 }), theft, (refreshes, theftMs) => {
        const outcome = play(refreshes, theftMs);
        if (outcome.decisions.includes('reuse')) thefts += 1;
        expect(outcome.movesOfOther).toBeLessThanOrEqual(1);
      }),
      { numRuns: RUNS },
    );
    expect(thefts).toBeGreaterThan(RUNS / 20);
  });
});

describe('over random scripts of refreshes of a session that is bound at some moment', () => {
  const boundAt = fc.integer({ min: 0, max: HOUR_MS });
  const ofOwner = fc.oneof(
    refreshesOf('client', GRACE_PERIOD_MS),
    refreshesOf('browser', GRACE_PERIOD_MS),
  );

  it('a browser and its pages are never taken for a thief, whatever of theirs overlaps', () => {
    let rotations = 0;
    fc.assert(
      fc.property(fc.array(ofOwner, { maxLength: 25 }), boundAt, (refreshes, boundAtMs) => {
        const { decisions } = play(refreshes, undefined, boundAtMs);
        rotations += decisions.filter((each) => each === 'rotate').length;
        expect(decisions).not.toContain('reuse');
      }),
      { numRuns: RUNS },
    );
    expect(rotations).toBeGreaterThan(RUNS);
  });

  it('a thief with the cookies alone is given nothing from then on', () => {
    const refresh = fc.oneof(ofOwner, refreshesOf('thief', GRACE_PERIOD_MS));
    const theft = fc.integer({ min: 0, max: 2 * HOUR_MS });
    fc.assert(
      fc.property(
        fc.array(refresh, { maxLength: 25 }),
        theft,
        boundAt,
        (refreshes, theftMs, boundAtMs) => {
          const outcome = play(refreshes, theftMs, boundAtMs);
          expect(outcome.unprovenTokens).toBe(0);
          expect(outcome.movesOfOther).toBeLessThanOrEqual(1);
        },
      ),
      { numRuns: RUNS },
    );
  });
});

function play(refreshes: readonly Refresh[], theftMs?: number, boundAtMs?: number): Outcome {
  return new RotationSimulation(GRACE_PERIOD_MS, boundAtMs).play(refreshes, theftMs);
}

/** Refreshes whose messages, the server's own time included, take less than a limit. */
function refreshesOf(by: Refresh['by'], limitMs: number): fc.Arbitrary<Refresh> {
  const transit = fc.integer({ min: 0, max: limitMs - 1 });
  return fc
    .record({
      waitMs: wait,
      there: transit,
      requestShare: fc.double({ min: 0, max: 1, noNaN: true }),
      answerMs: transit,
      fate: fc.constantFrom<Refresh['fate']>(
        'answered',
        'answered',
        'answered',
        'request lost',
        'server dies',
        'answer lost',
        'answered twice',
      ),
      confirmedAfterMs: fc.option(fc.oneof(fc.constant(0), wait), { nil: undefined }),
      pick: fc.nat({ max: 3 }),
    })
    .map(({ there, requestShare, ...rest }) => {
      const requestMs = Math.floor(there * requestShare);
      return { ...rest, by, requestMs, serverMs: there - requestMs };
    });
}
