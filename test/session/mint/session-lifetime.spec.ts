import { describe, expect, it } from 'vitest';
import {
  absoluteEndMs,
  accessTokenEndsAtMs,
  accessTokenExpirySeconds,
  sessionExpiresAtMs,
} from '../../../lib/session/mint/session-lifetime.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = 1_700_000_000_000;
const options = {
  accessTokenLifetimeMs: HOUR,
  refreshTokenLifetimeMs: 100 * DAY,
  nonPersistentLifetimeMs: DAY,
  absoluteTimeoutMs: undefined,
};

describe('a session', () => {
  it('ends when it has not been refreshed for its lifetime', () => {
    const session = { createdAtMs: NOW - 50 * DAY, persistent: true };
    expect(sessionExpiresAtMs(session, NOW, options)).toBe(NOW + 100 * DAY);
  });

  it('ends sooner where its cookies end with the browser', () => {
    const session = { createdAtMs: NOW, persistent: false };
    expect(sessionExpiresAtMs(session, NOW, options)).toBe(NOW + DAY);
  });

  it.each([true, false])(
    'ends at its absolute timeout, whatever is refreshed (persistent: %s)',
    (persistent) => {
      const limited = { ...options, absoluteTimeoutMs: 2 * DAY };
      const session = { createdAtMs: NOW - 2 * DAY + 1_000, persistent };
      expect(absoluteEndMs(session.createdAtMs, limited)).toBe(NOW + 1_000);
      expect(sessionExpiresAtMs(session, NOW, limited)).toBe(NOW + 1_000);
    },
  );

  it('has no absolute end where none is set', () => {
    expect(absoluteEndMs(NOW, options)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('an access token', () => {
  const session = { createdAtMs: NOW, expiresAtMs: NOW + 100 * DAY };

  it('ends after its lifetime', () => {
    expect(accessTokenExpirySeconds(session, NOW, options)).toBe((NOW + HOUR) / 1000);
  });

  it('never outlives its session', () => {
    const short = { ...session, expiresAtMs: NOW + 60_000 };
    expect(accessTokenExpirySeconds(short, NOW, options)).toBe(NOW / 1000 + 60);
    const limited = { ...options, absoluteTimeoutMs: 90_000 };
    expect(accessTokenExpirySeconds(session, NOW, limited)).toBe(NOW / 1000 + 90);
  });

  it('ends within its lifetime where the second is not whole', () => {
    expect(accessTokenExpirySeconds(session, NOW + 999, options)).toBe((NOW + HOUR) / 1000);
  });

  it('lives for a second at least: a token that ends when it begins is none', () => {
    const over = { ...session, expiresAtMs: NOW + 10 };
    expect(accessTokenExpirySeconds(over, NOW, options)).toBe(NOW / 1000 + 1);
  });
});

describe('an access token that was made', () => {
  it.each([
    ['ends at its `exp`', 100, 160, HOUR, 160],
    ['with a longer lifetime than today’s ends by today’s', 100, 7_200, 60_000, 161],
  ])('%s', (_, iat, exp, accessTokenLifetimeMs, endsAt) => {
    expect(accessTokenEndsAtMs({ iat, exp }, { accessTokenLifetimeMs })).toBe(endsAt * 1_000);
  });
});
