import { describe, expect, it } from 'vitest';
import { BrowserCookies } from '../../lib/testing/browser-cookies.js';
import { FakeClock } from '../../lib/testing/index.js';

const LONG_AGO = 'Thu, 01 Jan 1970 00:00:00 GMT';

function browser(origin = 'https://app.example.com'): {
  cookies: BrowserCookies;
  clock: FakeClock;
} {
  const clock = new FakeClock();
  return { cookies: new BrowserCookies(() => clock.now(), origin), clock };
}

describe('the cookies of a fake browser', () => {
  it('are removed by a date in the past, as Express removes them', () => {
    const { cookies } = browser();
    cookies.take(['theme=dark; Path=/'], '/');
    cookies.take([`theme=; Path=/; Expires=${LONG_AGO}`], '/');
    expect(cookies.value('theme')).toBeUndefined();
  });

  it('last until their date, and survive the window', () => {
    const { cookies, clock } = browser();
    const inAnHour = new Date(clock.now() + 3_600_000).toUTCString();
    cookies.take([`theme=dark; Path=/; Expires=${inAnHour}`], '/');
    cookies.endWindow();
    expect(cookies.value('theme')).toBe('dark');
    clock.advanceMs(3_600_000);
    expect(cookies.value('theme')).toBeUndefined();
  });

  it.each([
    ['an age, whatever the date', `Max-Age=60; Expires=${LONG_AGO}`],
    ['a date, where the age is none', 'Max-Age=soon; Expires=Fri, 01 Jan 2100 00:00:00 GMT'],
    ['the window, where neither can be read', 'Max-Age=; Expires=never'],
  ])('last for %s', (_, lifetime) => {
    const { cookies } = browser();
    cookies.take([`theme=dark; Path=/; ${lifetime}`], '/');
    expect(cookies.value('theme')).toBe('dark');
  });

  it('are sent below a path as it is written, with its capitals', () => {
    const { cookies } = browser();
    cookies.take(['token=1; Path=/Shop/Auth=x; SameSite=STRICT'], '/');
    expect(cookies.sentTo('/Shop/Auth=x/session/refresh')).toHaveLength(1);
    expect(cookies.sentTo('/shop/auth=x/session/refresh')).toEqual([]);
    expect(cookies.sentTo('/Shop/Auth=x', true)).toEqual([]);
  });

  it.each([
    ['http://app.example.com', 'Secure', false],
    ['http://app.example.com', '', true],
    ['https://app.example.com', 'Secure', true],
    ['http://app.localhost:3000', 'Secure', true],
    ['http://127.0.0.1', 'Secure', true],
    ['http://[::1]', 'Secure', true],
    ['http://localhost.example.com', 'Secure', false],
    ['https://app.example.com', 'Domain=example.org', false],
    ['https://app.example.com', 'Domain=other.example.com', false],
    ['https://app.example.com', 'Domain=ample.com', false],
    ['https://app.example.com', 'Domain=', true],
    ['https://app.example.com', 'Domain=.Example.com', true],
    ['https://app.example.com', 'Domain=app.example.com', true],
  ])(
    'are not kept if they are Secure on a plain http page, or name another domain: %s, "%s"',
    (origin, attribute, isKept) => {
      const { cookies } = browser(origin);
      cookies.take([`token=1; Path=/; ${attribute}`], '/');
      expect(cookies.value('token')).toBe(isKept ? '1' : undefined);
    },
  );

  it('are found by attributes in any letters but those of the path', () => {
    const { cookies } = browser();
    cookies.take(['token=1; Path=/Shop; Domain=Example.com; SameSite=Lax'], '/');
    expect(cookies.find('token', 'path=/Shop; domain=example.COM; samesite=lax')).toBeDefined();
    expect(cookies.find('token', 'Path=/shop; Domain=example.com; SameSite=Lax')).toBeUndefined();
  });
});
