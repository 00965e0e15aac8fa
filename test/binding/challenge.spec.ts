import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  challengeIssuedAtMs,
  mintChallenge,
  type ChallengePurpose,
} from '../../lib/binding/challenge.js';
import { challengeLifeMs, judgeChallenge, nextIssueMs } from '../../lib/binding/proof-rules.js';
import { newSessionHandle } from '../../lib/tokens/session-handle.js';
import { KEY, secretFrom } from '../support/refresh-token-key.js';

const NOW = 1_764_000_000_000;
const HANDLE = newSessionHandle(NOW);
const OTHER = newSessionHandle(NOW);
const REFRESH = { purpose: 'refresh', sessionHandle: HANDLE } as const;
const purposes: readonly ChallengePurpose[] = ['registration', 'second registration', 'refresh'];

function issuedAt(challenge: string, subject: Parameters<typeof mintChallenge>[0] = REFRESH) {
  return challengeIssuedAtMs(challenge, subject, (id) => (id === KEY.id ? KEY : undefined));
}

describe('a challenge', () => {
  it('says when it was made, and consists of characters that need no quotation marks', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (atMs) => {
        const challenge = mintChallenge(REFRESH, atMs, KEY);
        expect(challenge).toMatch(/^[\w-]{90}$/);
        expect(issuedAt(challenge)).toBe(atMs);
      }),
    );
  });

  it('is another each time', () => {
    expect(mintChallenge(REFRESH, NOW, KEY)).not.toBe(mintChallenge(REFRESH, NOW, KEY));
  });

  it('is none of another session', () => {
    const challenge = mintChallenge(REFRESH, NOW, KEY);
    expect(issuedAt(challenge, { ...REFRESH, sessionHandle: OTHER })).toBeUndefined();
  });

  it.each(
    purposes.flatMap((made) =>
      purposes.filter((each) => each !== made).map((asked) => [made, asked] as const),
    ),
  )('for a %s is none for a %s', (made, asked) => {
    const challenge = mintChallenge({ purpose: made, sessionHandle: HANDLE }, NOW, KEY);
    expect(issuedAt(challenge, { purpose: asked, sessionHandle: HANDLE })).toBeUndefined();
  });

  it('is none by another secret of the same name', () => {
    const forged = mintChallenge(REFRESH, NOW, { ...KEY, challengeKey: secretFrom(128) });
    expect(issuedAt(forged)).toBeUndefined();
  });

  it('is none by a secret that nobody knows', () => {
    const unknown = mintChallenge(REFRESH, NOW, { ...KEY, id: 'BBECAwQFBgcICQoL' });
    expect(issuedAt(unknown)).toBeUndefined();
  });

  it('is none once a character was changed, and no text is', () => {
    const good = mintChallenge(REFRESH, NOW, KEY);
    fc.assert(
      fc.property(
        fc.nat(good.length - 1),
        fc.constantFrom('A', 'a', '0', '-', '_', '+', '='),
        (at, other) => {
          fc.pre(good[at] !== other);
          expect(issuedAt(good.slice(0, at) + other + good.slice(at + 1))).toBeUndefined();
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => issuedAt(text) === undefined));
    fc.assert(
      fc.property(
        fc.string({ minLength: 90, maxLength: 90 }),
        (text) => issuedAt(text) === undefined,
      ),
    );
  });

  it('needs a time that 48 bits hold', () => {
    expect(() => mintChallenge(REFRESH, -1, KEY)).toThrow(RangeError);
    expect(() => mintChallenge(REFRESH, Number.NaN, KEY)).toThrow(RangeError);
  });
});

describe('the challenge of a refresh', () => {
  const lifeMs = challengeLifeMs('refresh', 600_000);

  it('lives longer than an access token, so that the one which a browser keeps is good', () => {
    expect(lifeMs).toBeGreaterThan(600_000);
  });

  it.each([
    ['good when it is newer than the last one that was accepted', NOW, NOW - 1, NOW, 'good'],
    ['stale when it is that one: an answer was lost', NOW, NOW, NOW, 'stale'],
    ['stale when it is older', NOW - 1, NOW, NOW, 'stale'],
    ['good until its life is over', NOW - lifeMs + 1, 0, NOW, 'good'],
    ['stale from then on', NOW - lifeMs, 0, NOW, 'stale'],
    ['stale when it is none of this session', undefined, 0, NOW, 'stale'],
    ['good by a clock that is behind', NOW + 60_000, NOW, NOW, 'good'],
  ] as const)('is %s', (_, issuedAtMs, acceptedAtMs, nowMs, verdict) => {
    expect(judgeChallenge(issuedAtMs, acceptedAtMs, lifeMs, nowMs)).toBe(verdict);
  });

  it('is always newer than the last one that was accepted, whatever the clocks of the instances say', () => {
    const time = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(time, time, (acceptedAtMs, nowMs) => {
        const issuedAtMs = nextIssueMs(acceptedAtMs, nowMs);
        expect(judgeChallenge(issuedAtMs, acceptedAtMs, lifeMs, nowMs)).toBe('good');
      }),
    );
  });
});

describe('the challenge of a registration', () => {
  it.each(['registration', 'second registration'] as const)(
    'lives five minutes (%s)',
    (purpose) => {
      expect(challengeLifeMs(purpose, 3_600_000)).toBe(300_000);
    },
  );
});
