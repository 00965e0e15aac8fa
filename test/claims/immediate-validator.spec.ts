import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundSessionValidator } from '../../lib/claims/bound-session.js';
import { freshAuthenticationValidator } from '../../lib/claims/fresh-authentication.js';
import { holdAtOnce, immediateValidator } from '../../lib/claims/immediate-validator.js';
import { notImpersonatedValidator } from '../../lib/claims/impersonation.js';
import { BooleanClaim } from '../../lib/claims/boolean-claim.js';
import type { SessionClaimValidator } from '../../lib/claims/session-claim-validator.js';
import { UserRoleClaim } from '../../lib/claims/user-role.claim.js';
import { validateClaims } from '../../lib/claims/validate-claims.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const roles = new UserRoleClaim({ fetchValue: () => ['fetched'] });
const verified = new BooleanClaim({ key: 'verified', fetchValue: () => true });
const BUILT_IN: readonly SessionClaimValidator[] = [
  roles.validators.includes('admin'),
  roles.validators.excludes('guest'),
  roles.validators.includesAny(['admin', 'owner'], 60),
  verified.validators.isTrue(),
  verified.validators.hasValue(false, 60),
  boundSessionValidator,
  notImpersonatedValidator,
  freshAuthenticationValidator(60_000),
];

const fetchedAt = fc.constantFrom(
  ...[0, -60_000, -60_001, 60_000, 60_001].map((ms) => NOW_MS + ms),
  undefined,
  'x',
);
const payloads = fc.record(
  {
    'st-role': fc.record({
      v: fc.oneof(fc.subarray(['admin', 'owner', 'guest']), fc.constant('admin')),
      t: fetchedAt,
    }),
    verified: fc.record({ v: fc.constantFrom(true, false, 'true'), t: fetchedAt }),
    cnf: fc.constant({ kid: 'device' }),
    act: fc.constant({ sub: 'staff' }),
    auth_time: fc.constantFrom(...[0, -60, -61, 60, 61].map((each) => NOW_MS / 1000 + each)),
  },
  { requiredKeys: [] },
);

describe('validators that are judged at once', () => {
  it('hold only for payloads that hold in full, and whose claims are not fetched', async () => {
    let held = 0;
    await fc.assert(
      fc.asyncProperty(fc.subarray([...BUILT_IN]), payloads, async (validators, payload) => {
        if (!holdAtOnce(validators, payload, NOW_MS)) return;
        held += validators.length;
        const subject = { userId: 'u1', tenantId: 'public', accessTokenPayload: payload };
        const outcome = await validateClaims({ validators, subject, nowMs: NOW_MS });
        expect(outcome).toEqual({ invalidClaims: [] });
      }),
      { numRuns: 2_000 },
    );
    expect(held).toBeGreaterThan(30);
  });

  it('hold for every payload that holds without a fetch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray([...BUILT_IN]), payloads, async (validators, payload) => {
        const subject = { userId: 'u1', tenantId: 'public', accessTokenPayload: payload };
        const outcome = await validateClaims({ validators, subject, nowMs: NOW_MS });
        const isFetched = outcome.accessTokenPayloadUpdate !== undefined;
        if (isFetched || outcome.invalidClaims.length > 0) return;
        expect(holdAtOnce(validators, payload, NOW_MS)).toBe(true);
      }),
    );
  });

  const yes = { isValid: true } as const;
  it.each<[string, SessionClaimValidator]>([
    ['of the application', { id: 'own', validate: () => yes }],
    ['that answer later', immediateValidator({ id: 'later', validate: async () => yes })],
    [
      'that throw',
      immediateValidator({
        id: 'thrown',
        validate: () => {
          throw new Error('refused');
        },
      }),
    ],
    [
      'that can’t tell at once if the claim is to be fetched',
      immediateValidator({ id: 'asked', validate: () => yes, shouldRefetch: async () => false }),
    ],
  ])('are none %s', (_, validator) => {
    expect(holdAtOnce([validator], {}, NOW_MS)).toBe(false);
  });

  it('ask whether the claim is to be fetched where an application has replaced a step', () => {
    const payload = { 'st-role': { v: ['admin'], t: NOW_MS } };
    const { includes } = new UserRoleClaim({ fetchValue: () => ['admin'] }).validators;
    const lenient = Object.assign(includes('owner', 60), { validate: () => yes });
    const eager = Object.assign(includes('admin', 60), { shouldRefetch: () => true });

    expect(holdAtOnce([lenient], payload, NOW_MS)).toBe(true);
    expect(holdAtOnce([lenient], payload, NOW_MS + 60_001)).toBe(false);
    expect(holdAtOnce([eager], payload, NOW_MS)).toBe(false);
  });
});
