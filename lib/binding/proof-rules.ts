import type { ChallengePurpose } from './challenge.js';
import { MINUTE_MS } from '../time/units.js';

const REGISTRATION_MS = 5 * MINUTE_MS;

/** The result of a proof of the device. */
export type ProofVerdict =
  /** It answers a challenge newer than all that were answered before. */
  | 'good'
  /** It may be the device's, but its challenge was used or is too old: a lost answer, or a browser that slept. */
  | 'stale';

/**
 * How long a challenge may be answered. A browser keeps one for its next refresh, so that one must outlive the token.
 */
export function challengeLifeMs(purpose: ChallengePurpose, accessTokenLifetimeMs: number): number {
  return purpose === 'refresh' ? 2 * accessTokenLifetimeMs : REGISTRATION_MS;
}

/**
 * Judges the challenge of a proof at a refresh. Browsers send the same proof again if an answer is lost. An answered
 * challenge is therefore no sign of theft.
 *
 * @param issuedAtMs `undefined` if it was never made for this session
 * @param acceptedAtMs when the last accepted one was made
 */
export function judgeChallenge(
  issuedAtMs: number | undefined,
  acceptedAtMs: number,
  lifeMs: number,
  nowMs: number,
): ProofVerdict {
  if (issuedAtMs === undefined || issuedAtMs <= acceptedAtMs) return 'stale';
  return issuedAtMs + lifeMs <= nowMs ? 'stale' : 'good';
}

/**
 * When the next challenge is made: now, but later than the last accepted one. Otherwise an instance with a fast clock
 * would make the challenges of the others look used.
 */
export function nextIssueMs(acceptedAtMs: number, nowMs: number): number {
  return Math.max(nowMs, acceptedAtMs + 1);
}
