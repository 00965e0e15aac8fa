import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  VerifiedTokenCache,
  type VerifiedToken,
} from '../../../lib/session/verify/verified-token-cache.js';

function verified(token: string): VerifiedToken {
  return { token } as VerifiedToken;
}

describe('the memory of verified tokens', () => {
  const token = 'header.payload.a-signature-of-some-length';
  const lookalike = 'header.another.a-signature-of-some-length';

  it('finds a token by its exact text', () => {
    const cache = new VerifiedTokenCache({ max: 10 });
    const remembered = verified(token);
    cache.remember(remembered);
    expect(cache.find(token)).toBe(remembered);
    expect(cache.has(token)).toBe(true);
  });

  it('does not take a token with the same end for a remembered one', () => {
    const cache = new VerifiedTokenCache({ max: 10 });
    cache.remember(verified(token));
    expect(cache.find(lookalike)).toBeUndefined();
    expect(cache.has(lookalike)).toBe(false);
    expect(cache.find(token.slice(-12))).toBeUndefined();
    expect(cache.find(` ${token}`)).toBeUndefined();
  });

  it('answers as a map of whole texts would, but for texts that it has given up for others', () => {
    const text = fc.stringMatching(/^[ab]{0,3}\.[ab]{1,2}-signature$/);
    const step = fc.tuple(fc.constantFrom('remember', 'find'), text);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const cache = new VerifiedTokenCache({ max: 100 });
        const whole = new Map<string, VerifiedToken>();
        for (const [what, each] of steps) {
          if (what === 'remember') {
            const next = verified(each);
            cache.remember(next);
            whole.set(each, next);
          }
          expect([undefined, whole.get(each)]).toContain(cache.find(each));
        }
      }),
    );
  });

  it('remembers nothing if it is told to', () => {
    const cache = new VerifiedTokenCache(false);
    cache.remember(verified(token));
    expect([cache.find(token), cache.has(token), cache.size]).toEqual([undefined, false, 0]);
  });
});
