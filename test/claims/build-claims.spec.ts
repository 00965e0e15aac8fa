import { describe, expect, it } from 'vitest';
import type { AccessTokenPayload } from '../../lib/claims/access-token-payload.js';
import { buildClaims } from '../../lib/claims/build-claims.js';
import { PrimitiveClaim } from '../../lib/claims/primitive-claim.js';

const subject = {
  userId: 'user-1',
  tenantId: 'public',
  accessTokenPayload: { theme: 'dark' } as AccessTokenPayload,
};

describe('the claims of a new session', () => {
  it('are none when none is registered', async () => {
    expect(await buildClaims([], subject, 1_000)).toStrictEqual({});
  });

  it('are all that have a value, without the rest of the payload', async () => {
    const claims = [claim('a', 'one'), claim('b', undefined), claim('c', 'three')];
    expect(await buildClaims(claims, subject, 1_000)).toStrictEqual({
      a: { v: 'one', t: 1_000 },
      c: { v: 'three', t: 1_000 },
    });
  });

  it("go over the user's own key of the same name", async () => {
    const own = { ...subject, accessTokenPayload: { plan: 'mine', theme: 'dark' } };
    expect(await buildClaims([claim('plan', 'pro')], own, 1_000)).toStrictEqual({
      plan: { v: 'pro', t: 1_000 },
    });
  });

  it('are fetched in order, each seeing the payload with those before it', async () => {
    const seen: unknown[] = [];
    const watching = (key: string) =>
      new PrimitiveClaim<string>({
        key,
        fetchValue: (whom) => {
          seen.push(whom);
          return Promise.resolve(key);
        },
      });
    await buildClaims([watching('a'), watching('b')], subject, 1_000);
    expect(seen).toStrictEqual([
      { userId: 'user-1', tenantId: 'public', accessTokenPayload: { theme: 'dark' } },
      {
        userId: 'user-1',
        tenantId: 'public',
        accessTokenPayload: { theme: 'dark', a: { v: 'a', t: 1_000 } },
      },
    ]);
  });

  it('that have one key are won by the last', async () => {
    const claims = [claim('a', 'first'), claim('a', 'last')];
    expect(await buildClaims(claims, subject, 1_000)).toStrictEqual({ a: { v: 'last', t: 1_000 } });
  });

  it('do not change the payload they are given', async () => {
    const frozen = { ...subject, accessTokenPayload: Object.freeze({ a: 'mine' }) };
    await buildClaims([claim('a', 'theirs')], frozen, 1_000);
    expect(frozen.accessTokenPayload).toStrictEqual({ a: 'mine' });
  });

  it('fail as a whole when one fails', async () => {
    const failure = new Error('database gone');
    const failing = new PrimitiveClaim<string>({
      key: 'b',
      fetchValue: () => Promise.reject(failure),
    });
    await expect(buildClaims([claim('a', 'one'), failing], subject, 1_000)).rejects.toBe(failure);
  });

  it('cannot write what only the session says', async () => {
    class Forging extends PrimitiveClaim<string> {
      override addToPayload(): AccessTokenPayload {
        return { sub: 'somebody-else', ['__proto__']: { role: 'admin' }, plan: 'flat' };
      }
    }
    const forging = new Forging({ key: 'plan', fetchValue: () => 'pro' });
    const update = await buildClaims([forging], subject, 1_000);
    expect(update).toStrictEqual({ plan: 'flat' });
    expect(update['role']).toBeUndefined();
  });
});

function claim(key: string, value: string | undefined): PrimitiveClaim<string> {
  return new PrimitiveClaim<string>({ key, fetchValue: () => value });
}
