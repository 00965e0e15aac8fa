/*
 * A session is renewed while its user's sessions, or everybody's, are revoked and one of its claims is changed. The search
 * (support/renewal-model.ts) looks at every order of the statements, and shows what each of them is there for. That the
 * code sends them in this order is shown on real databases (test/databases/renewals.spec.ts).
 */
import { describe, expect, it } from 'vitest';
import { searchRenewals, type RenewalProtocol } from '../../support/renewal-model.js';

const OF_USER: RenewalProtocol = {
  renewal: ['read', 'take', 'look for cut-offs', 'insert', 'commit'],
  takesAsRead: true,
  revocation: ['list', 'delete the listed', 'cut off', 'commit'],
};
const OF_EVERYONE: RenewalProtocol = {
  ...OF_USER,
  revocation: ['cut off', 'commit', 'cut off at once', 'delete the older', 'commit'],
};
const OF_TENANT_IN_TRANSACTION: RenewalProtocol = {
  ...OF_USER,
  revocation: ['cut off', 'delete the older', 'cut off', 'commit'],
};
const HOLDS = { exhausted: true, counterexample: undefined };
const LIVES_ON = 'the renewed session lives on';

function breaks(protocol: RenewalProtocol): string | undefined {
  return searchRenewals(protocol).counterexample?.at(-1);
}

describe('a session that is renewed', () => {
  it.each([
    ['the user’s sessions are revoked', OF_USER],
    ['everybody’s sessions are revoked', OF_EVERYONE],
    ['a tenant’s sessions are revoked in a transaction', OF_TENANT_IN_TRANSACTION],
  ])('ends, or was gone, where %s, and has the claims of that moment', (_, protocol) => {
    expect(searchRenewals(protocol)).toMatchObject(HOLDS);
  });
});

describe('the search finds', () => {
  it('the session that lives on, where the new row is written whether or not the old one was there', () => {
    const careless = { takesAsRead: false } as const;
    expect(breaks({ ...OF_USER, ...careless })).toBeDefined();
    expect(breaks({ ...OF_EVERYONE, ...careless })).toBeDefined();
  });

  it('the session that lives on, where a user’s cut-off is older than the hold on the rows', () => {
    const revocation = ['cut off', 'list', 'delete the listed', 'commit'] as const;
    expect(breaks({ ...OF_USER, revocation })).toBe(LIVES_ON);
  });

  it('the session that lives on, where everybody is cut off once alone, in a transaction or not', () => {
    const revocation = ['cut off', 'commit', 'delete the older', 'commit'] as const;
    expect(breaks({ ...OF_EVERYONE, revocation })).toBe(LIVES_ON);
    const inTransaction = ['cut off', 'delete the older', 'commit'] as const;
    expect(breaks({ ...OF_USER, revocation: inTransaction })).toBe(LIVES_ON);
  });

  it('the session that lives on, where nobody looks for cut-offs with the row in hand', () => {
    const renewal = ['read', 'take', 'insert', 'commit'] as const;
    expect(breaks({ ...OF_EVERYONE, renewal })).toBe(LIVES_ON);
  });
});
