import { describe, expect, it } from 'vitest';
import { permissionsValidators, PermissionClaim } from '../../lib/claims/permission.claim.js';

const NOW = { nowMs: 2_000 };
const subject = { userId: 'user-1', tenantId: 'public', accessTokenPayload: {} };

describe('the permissions of a user', () => {
  it('stand under st-perm, without a maximum age', async () => {
    const claim = new PermissionClaim({ fetchValue: () => ['read'] });
    expect(claim.defaultMaxAgeInSeconds).toBeUndefined();
    expect(await claim.build(subject, 1_000)).toStrictEqual({
      'st-perm': { v: ['read'], t: 1_000 },
    });
  });

  it('come from a subclass as well', async () => {
    class FromService extends PermissionClaim {
      override fetchValue(): Promise<string[]> {
        return Promise.resolve(['by override']);
      }
    }
    expect(await new FromService().build(subject, 1_000)).toStrictEqual({
      'st-perm': { v: ['by override'], t: 1_000 },
    });
  });

  it('must come from somewhere', () => {
    expect(() => new PermissionClaim()).toThrow(TypeError);
  });

  it('keep their key and take a maximum age', () => {
    const options = { key: 'other', fetchValue: () => [], defaultMaxAgeInSeconds: 60 };
    const claim = new PermissionClaim(options);
    expect(claim.key).toBe('st-perm');
    expect(claim.defaultMaxAgeInSeconds).toBe(60);
  });
});

describe('a route that demands permissions', () => {
  const [validator] = permissionsValidators(['read', 'b']);

  it('is open to a session that has them all', async () => {
    const payload = { 'st-perm': { v: ['b', 'c', 'read'], t: 1 } };
    expect(await validator?.validate(payload, NOW)).toStrictEqual({ isValid: true });
  });

  it('is closed to a session that lacks one, and says so under st-perm', async () => {
    expect(validator?.id).toBe('st-perm');
    const payload = { 'st-perm': { v: ['read'], t: 1 } };
    expect(await validator?.validate(payload, NOW)).toStrictEqual({
      isValid: false,
      reason: {
        message: 'wrong value',
        expectedToInclude: ['read', 'b'],
        actualValue: ['read'],
      },
    });
  });

  it('is closed to a session without any', async () => {
    expect(await validator?.validate({}, NOW)).toStrictEqual({
      isValid: false,
      reason: { message: 'value does not exist', expectedToInclude: ['read', 'b'] },
    });
  });

  it('asks nothing of the session when it demands none', () => {
    expect(permissionsValidators([])).toStrictEqual([]);
  });

  it('fetches nothing unless it is given a claim to fetch with', async () => {
    expect(await validator?.claim?.fetchValue(subject)).toBeUndefined();
    const registered = new PermissionClaim({ fetchValue: () => ['read'] });
    expect(permissionsValidators(['read'], registered).map(({ claim }) => claim)).toStrictEqual([
      registered,
    ]);
  });
});
