import { describe, expect, it } from 'vitest';
import { rolesValidators, UserRoleClaim } from '../../lib/claims/user-role.claim.js';

const NOW = { nowMs: 2_000 };
const subject = { userId: 'user-1', tenantId: 'public', accessTokenPayload: {} };

describe('the roles of a user', () => {
  it('stand under st-role, without a maximum age', async () => {
    const claim = new UserRoleClaim({ fetchValue: () => ['admin'] });
    expect(claim.defaultMaxAgeInSeconds).toBeUndefined();
    expect(await claim.build(subject, 1_000)).toStrictEqual({
      'st-role': { v: ['admin'], t: 1_000 },
    });
  });

  it('come from a subclass as well', async () => {
    class FromService extends UserRoleClaim {
      override fetchValue(): Promise<string[]> {
        return Promise.resolve(['by override']);
      }
    }
    expect(await new FromService().build(subject, 1_000)).toStrictEqual({
      'st-role': { v: ['by override'], t: 1_000 },
    });
  });

  it('must come from somewhere', () => {
    expect(() => new UserRoleClaim()).toThrow(TypeError);
  });

  it('keep their key and take a maximum age', () => {
    const options = { key: 'other', fetchValue: () => [], defaultMaxAgeInSeconds: 60 };
    const claim = new UserRoleClaim(options);
    expect(claim.key).toBe('st-role');
    expect(claim.defaultMaxAgeInSeconds).toBe(60);
  });
});

describe('a route that demands roles', () => {
  const [validator] = rolesValidators(['admin', 'b']);

  it('is open to a session that has them all', async () => {
    const payload = { 'st-role': { v: ['b', 'c', 'admin'], t: 1 } };
    expect(await validator?.validate(payload, NOW)).toStrictEqual({ isValid: true });
  });

  it('is closed to a session that lacks one, and says so under st-role', async () => {
    expect(validator?.id).toBe('st-role');
    const payload = { 'st-role': { v: ['admin'], t: 1 } };
    expect(await validator?.validate(payload, NOW)).toStrictEqual({
      isValid: false,
      reason: {
        message: 'wrong value',
        expectedToInclude: ['admin', 'b'],
        actualValue: ['admin'],
      },
    });
  });

  it('is closed to a session without any', async () => {
    expect(await validator?.validate({}, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedToInclude: ['admin', 'b'] },
    });
  });

  it('asks nothing of the session when it demands none', () => {
    expect(rolesValidators([])).toStrictEqual([]);
  });

  it('fetches nothing unless it is given a claim to fetch with', async () => {
    expect(await validator?.claim?.fetchValue(subject)).toBeUndefined();
    const registered = new UserRoleClaim({ fetchValue: () => ['admin'] });
    expect(rolesValidators(['admin'], registered).map(({ claim }) => claim)).toStrictEqual([
      registered,
    ]);
  });
});
