import { describe, expect, it } from 'vitest';
import { SessionConfigurationError, type SessionModuleOptions } from '../../lib/index.js';
import { longestAccessTokenMs } from '../../lib/options/device-binding-options.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';

function refusalOf(options: SessionModuleOptions, hasBindRoute = true): string {
  try {
    resolveSessionOptions(options, { production: false, hasBindRoute });
    return 'accepted';
  } catch (error) {
    if (error instanceof SessionConfigurationError) return error.message;
    throw error;
  }
}

describe('the option deviceBinding', () => {
  it.each<[SessionModuleOptions['deviceBinding'], unknown]>([
    [undefined, false],
    [false, false],
    [true, { accessTokenLifetimeMs: 600_000 }],
    [{}, { accessTokenLifetimeMs: 600_000 }],
    [{ accessTokenLifetime: '5m' }, { accessTokenLifetimeMs: 300_000 }],
    [{ accessTokenLifetime: 3600 }, { accessTokenLifetimeMs: 3_600_000 }],
  ])('is %j as %j', (deviceBinding, resolved) => {
    const options = deviceBinding === undefined ? {} : { deviceBinding };
    expect(resolveSessionOptions(options, { production: false }).deviceBinding).toEqual(resolved);
  });

  it.each<[SessionModuleOptions, number]>([
    [{ accessTokenLifetime: '2m' }, 300_000],
    [{ accessTokenLifetime: '7m' }, 420_000],
    [{ accessTokenLifetime: '2h' }, 600_000],
    [{ profile: 'aal3' }, 300_000],
    [{ accessTokenLifetime: '2m', deviceBinding: { accessTokenLifetime: '10m' } }, 600_000],
  ])('with %j gives bound sessions tokens of %i ms', (options, accessTokenLifetimeMs) => {
    const { deviceBinding } = resolveSessionOptions(
      { deviceBinding: true, ...options },
      { production: false },
    );
    expect(deviceBinding).toEqual({ accessTokenLifetimeMs });
  });

  it.each<[string, SessionModuleOptions]>([
    ['a lifetime under 5 minutes', { deviceBinding: { accessTokenLifetime: '299s' } }],
    ['cookies for other sites', { cookie: { sameSite: 'none', secure: true } }],
    ['partitioned cookies', { cookie: { partitioned: true } }],
    ['cookies for several hosts', { cookie: { domain: 'example.com' } }],
    ['cookies that are not Secure', { cookie: { secure: false } }],
    ['tokens in headers alone', { tokenTransferMethod: 'header' }],
    ['an anti-CSRF token', { antiCsrf: 'VIA_TOKEN' }],
    ['sessions that end sooner', { refreshTokenLifetime: '5m', accessTokenLifetime: '1m' }],
    [
      'a lifetime of its own that sessions do not reach',
      {
        profile: 'aal3',
        deviceBinding: { accessTokenLifetime: '15m' },
      },
    ],
  ])('is refused at the start with %s', (_, options) => {
    expect(refusalOf({ deviceBinding: true, ...options })).toContain('`deviceBinding');
    expect(refusalOf({ ...options, deviceBinding: false })).toBe('accepted');
  });

  it('is refused at the start without its route', () => {
    expect(refusalOf({ deviceBinding: true }, false)).toContain('`routes.bind`');
    expect(refusalOf({}, false)).toBe('accepted');
  });

  it('tells how long an access token can live at most', () => {
    const accessTokenLifetimeMs = 60_000;
    expect(longestAccessTokenMs({ accessTokenLifetimeMs })).toBe(60_000);
    const deviceBinding = { accessTokenLifetimeMs: 600_000 };
    expect(longestAccessTokenMs({ accessTokenLifetimeMs, deviceBinding })).toBe(600_000);
  });
});
