import { describe, expect, it } from 'vitest';
import type { AccessTokenPayload } from '../../lib/claims/access-token-payload.js';
import { payloadChanges } from '../../lib/claims/payload-changes.js';

describe('the changes between two payloads', () => {
  it.each<[string, AccessTokenPayload, AccessTokenPayload, AccessTokenPayload | undefined]>([
    ['are none when their JSON is the same', { a: { b: 1 } }, { a: { b: 1 } }, undefined],
    ['are none for a value that JSON leaves out', { a: 1 }, { a: 1, b: undefined }, undefined],
    ['are the keys that were added', { a: 1 }, { a: 1, b: 2 }, { b: 2 }],
    [
      'are the keys that have another value',
      { a: { v: 1 }, b: 2 },
      { a: { v: 2 }, b: 2 },
      { a: { v: 2 } },
    ],
    ['are null for the keys that were deleted', { a: 1, b: 2 }, { a: 1 }, { b: null }],
    ['are null for the keys that became undefined', { a: 1 }, { a: undefined }, { a: null }],
    ['leave out reserved names', { sub: 'u', iat: 1 }, { sub: 'v', exp: 2, a: 1 }, { a: 1 }],
    ['are none when only reserved names differ', { iat: 1 }, { iat: 2 }, undefined],
  ])('%s', (_, before, after, changes) => {
    expect(payloadChanges(before, after)).toStrictEqual(changes);
  });

  it('leave out __proto__', () => {
    const after: AccessTokenPayload = JSON.parse('{"__proto__":{"role":"admin"},"a":1}');
    const changes = payloadChanges({}, after);
    expect(changes).toStrictEqual({ a: 1 });
    expect(changes?.['role']).toBeUndefined();
  });
});
