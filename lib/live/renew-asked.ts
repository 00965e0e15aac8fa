import { SessionException } from '../errors/session.exception.js';
import type { RequiredClaims } from '../http/verify/required-claims.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import type { StaleClaimsPolicy } from '../session/container/stale-claims-policy.js';
import { inTime } from './in-time.js';

type Override = VerifySessionOptions['overrideGlobalClaimValidators'];

/**
 * Renews a session's claims, or only those that a connection asked for, while others can't be fetched.
 *
 * @returns why the others can't be fetched
 */
export async function renewAsked(
  session: ReadonlySession,
  override: Override,
  policy: StaleClaimsPolicy<ReadonlySession>,
  required: RequiredClaims,
): Promise<{ readonly error: unknown } | undefined> {
  try {
    await inTime(policy.renewIn(session));
    return undefined;
  } catch (error) {
    if (error instanceof SessionException) throw error;
    const validators = await inTime(required.inForce(session, override));
    // A validator without a claim may judge any.
    if (validators.some(({ claim }) => claim === undefined)) throw error;
    const asked = new Set(validators.map(({ claim }) => claim));
    const stale = policy.in(session.getAccessTokenPayload(), session.getUserId(), validators);
    const among = stale.filter((claim) => asked.has(claim));
    // Another fetch would be no other.
    if (among.length === stale.length) throw error;
    await inTime(policy.renewIn(session, among));
    return { error };
  }
}
