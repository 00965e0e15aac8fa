import { describe, expect, it } from 'vitest';
import { FRONT_TOKEN_REMOVE, frontTokenFor } from '../../lib/tokens/front-token.js';

const payload = { sub: 'ada', exp: 1_700_003_600, iat: 1_700_000_000, antiCsrfToken: null };

/** As SuperTokens' browser SDK reads it: `atob`, then UTF-8, then JSON. */
function read(frontToken: string): unknown {
  const bytes = Uint8Array.from(atob(frontToken), (character) => character.codePointAt(0) ?? 0);
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

describe('a front token', () => {
  it('says whose session it is, when the access token ends in milliseconds, and the payload', () => {
    expect(read(frontTokenFor(payload))).toEqual({
      uid: 'ada',
      ate: 1_700_003_600_000,
      up: payload,
    });
  });

  it('keeps the keys in the order of the payload', () => {
    expect(JSON.stringify(read(frontTokenFor(payload)))).toBe(
      '{"uid":"ada","ate":1700003600000,"up":{"sub":"ada","exp":1700003600,"iat":1700000000,"antiCsrfToken":null}}',
    );
  });

  it('is base64 of the standard alphabet with padding, which `atob` reads', () => {
    for (let length = 0; length < 6; length += 1) {
      const text = frontTokenFor({ ...payload, text: `${'?'.repeat(length)}>>>~~~` });
      expect(text).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
      expect(text.length % 4).toBe(0);
    }
  });

  it('carries any Unicode text', () => {
    const text = 'łukasz 馬 / 马 👩‍🚀 \u0000 \u2028';
    expect(read(frontTokenFor({ ...payload, name: text }))).toMatchObject({ up: { name: text } });
  });

  it('shows a claim of any name, also of one that objects have by themselves', () => {
    const named = Object.fromEntries(['__proto__', 'constructor', 'toJSON'].map((n) => [n, ['x']]));
    const json = Buffer.from(frontTokenFor({ ...payload, ...named }), 'base64').toString('utf8');
    expect(json).toContain('"__proto__":["x"],"constructor":["x"],"toJSON":["x"]');
  });

  it('leaves out what only servers need: the audience and the time of the login', () => {
    const front = read(frontTokenFor({ ...payload, aud: 'shop', auth_time: 1_700_000_000 }));
    expect(front).toEqual({ uid: 'ada', ate: 1_700_003_600_000, up: payload });
  });

  it('shows only the claims that it is told to show', () => {
    const isShown = (name: string) => name !== 'email';
    const front = read(
      frontTokenFor({ ...payload, email: 'ada@example.com', plan: 'pro' }, isShown),
    );
    expect(front).toMatchObject({ up: { plan: 'pro' } });
    expect(front).not.toHaveProperty('up.email');
  });

  it('is the word `remove` where the client shall forget its session', () => {
    expect(FRONT_TOKEN_REMOVE).toBe('remove');
  });
});
