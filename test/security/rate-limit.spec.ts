import { Body, Controller, Post, Req, Res, UnauthorizedException } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { CreateSession, SessionService, type SessionRateLimitOptions } from '../../lib/index.js';
import { MemoryCounter } from '../../lib/http/rate-limit/memory-counter.js';
import { FakeClock } from '../../lib/testing/index.js';
import { platforms, type BootOptions } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { LogRecorder } from '../support/log-recorder.js';
import { expectNothingChanged, expectTokensUntouched } from '../support/refusal.js';
import { bothCookies, refreshCookie, Scene, type Headers } from '../support/scene.js';

let passwordsChecked = 0;

@Controller()
class PasswordController {
  constructor(private readonly sessions: SessionService) {}

  @Post('password')
  @CreateSession()
  check(@Body() { password }: { password: string }): string | null {
    passwordsChecked += 1;
    return password === 'right' ? 'u1' : null;
  }

  @Post('callback')
  @CreateSession({ allowCrossSite: true })
  callback(): string {
    return 'u1';
  }

  @Post('by-hand')
  async byHand(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'u1');
  }

  @Post('password-by-hand')
  async checkByHand(
    @Body() { password }: { password: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.limitLogin(request);
    passwordsChecked += 1;
    if (password !== 'right') {
      await this.sessions.countFailedLogin(request);
      throw new UnauthorizedException();
    }
    await this.sessions.createNewSession(request, response, 'public', 'u1');
  }
}

const EVIL = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
const THREE = { max: 3, per: '1m' } as const;

describe.each(platforms)('an address that asks too often on %s', (platform) => {
  let scene: Scene;
  afterEach(() => scene.close());

  async function open(
    rateLimit: SessionRateLimitOptions | false,
    options: BootOptions = {},
  ): Promise<void> {
    const unlimited = { logins: false, refreshes: false, failures: false } as const;
    scene = await Scene.open({
      platform,
      controllers: [PasswordController],
      trustProxy: true,
      ...options,
      sessions: {
        ...options.sessions,
        rateLimit: rateLimit && { ...unlimited, ...rateLimit },
      },
    });
    passwordsChecked = 0;
  }
  const from = (ip: string): Headers => ({ 'x-forwarded-for': ip });
  const guess = (ip: string, password = 'wrong', path = '/password', headers: Headers = {}) =>
    scene.post(path, { ...from(ip), ...headers }, { password });
  const statuses = async (answers: readonly Promise<Answer>[]) =>
    (await Promise.all(answers)).map(({ status }) => status).toSorted((a, b) => a - b);
  const repeat = <T>(count: number, act: () => T): T[] => Array.from({ length: count }, act);

  it('D1: gets no further login before the time is over, and its password is not looked at', async () => {
    await open({ logins: THREE });
    const right = repeat(3, () => guess('203.0.113.7', 'right'));
    expect(await statuses(right)).toEqual([201, 201, 201]);
    await expectNothingChanged(scene, async () => {
      const answer = await guess('203.0.113.7', 'right');
      expect([answer.status, answer.json]).toEqual([
        429,
        { statusCode: 429, code: 'TOO_MANY_REQUESTS', message: 'too many requests' },
      ]);
      expect(answer.headers['retry-after']).toBe('60');
      expect(answer.headers['cache-control']).toBe('no-store');
      expectTokensUntouched(answer);
    });
    expect(passwordsChecked).toBe(3);
    expect((await guess('203.0.113.8', 'right')).status).toBe(201);
    await scene.advance(60_000);
    expect((await guess('203.0.113.7', 'right')).status).toBe(201);
  });

  it('D1: that has guessed wrong too often gets no login, and no refresh with a guess', async () => {
    await open({ failures: THREE });
    const holder = await scene.login('u1', from('203.0.113.7'));
    expect(await statuses(repeat(3, () => guess('203.0.113.7')))).toEqual([401, 401, 401]);
    expect((await guess('203.0.113.7', 'right')).status).toBe(429);
    const last = holder.refresh.endsWith('A') ? 'E' : 'A';
    for (const forged of ['guess', `${holder.refresh.slice(0, -1)}${last}`]) {
      const refused = await scene.refresh({ ...refreshCookie(forged), ...from('203.0.113.7') });
      expect(refused.status).toBe(429);
      expectTokensUntouched(refused);
    }
  });

  it('D1: lets those refresh who are logged in there, though somebody has guessed wrong too often', async () => {
    await open({ failures: THREE, refreshes: THREE });
    const ada = await scene.login('ada', from('203.0.113.7'));
    await Promise.all(repeat(3, () => guess('203.0.113.7')));
    const refresh = (token: string) =>
      scene.refresh({ ...refreshCookie(token), ...from('203.0.113.7') });
    // Guesses use up none of the refreshes.
    expect(await statuses(repeat(4, () => refresh('guess')))).toEqual([429, 429, 429, 429]);
    expect(await statuses(repeat(4, () => refresh(ada.refresh)))).toEqual([200, 200, 200, 429]);
    expect((await guess('203.0.113.7', 'right')).status).toBe(429);
    await scene.advance(60_000);
    expect((await guess('203.0.113.7', 'right')).status).toBe(201);
  });

  it('D1: gets no further refresh, and its session goes on afterwards', async () => {
    await open({ refreshes: THREE });
    const holder = await scene.login('u1', from('203.0.113.7'));
    const refresh = () =>
      scene.refresh({ ...refreshCookie(holder.refresh), ...from('203.0.113.7') });
    expect(await statuses(repeat(3, refresh))).toEqual([200, 200, 200]);
    await expectNothingChanged(scene, async () => {
      const answer = await refresh();
      expect(answer.status).toBe(429);
      expectTokensUntouched(answer);
    });
    await scene.advance(60_000);
    expect((await refresh()).status).toBe(200);
  });

  it('D1: is limited in handlers that log in by themselves too, once for each login', async () => {
    await open({ logins: THREE, failures: { max: 2, per: '1m' } });
    expect(await statuses(repeat(4, () => guess('203.0.113.1', 'right', '/by-hand')))).toEqual([
      201, 201, 201, 429,
    ]);
    expect(
      await statuses(repeat(4, () => guess('203.0.113.2', 'right', '/password-by-hand'))),
    ).toEqual([201, 201, 201, 429]);
    const wrong = () => guess('203.0.113.3', 'wrong', '/password-by-hand');
    expect([(await wrong()).status, (await wrong()).status]).toEqual([401, 401]);
    expect((await wrong()).status).toBe(429);
    expect(passwordsChecked).toBe(5);
  });

  it('D1: is one address in every spelling, and with all 64 bits that its network has', async () => {
    await open({ logins: THREE });
    for (const spelling of [
      '2001:db8:0:1::7',
      '2001:0DB8:0000:0001:0000:0000:0000:0007',
      '2001:db8:0:1:ffff:ffff:ffff:ffff',
    ]) {
      expect((await guess(spelling, 'right')).status).toBe(201);
    }
    expect((await guess('2001:db8:0:1::8', 'right')).status).toBe(429);
    expect((await guess('2001:db8:0:2::7', 'right')).status).toBe(201);
    const four = ['198.51.100.7', '::ffff:198.51.100.7', '::FFFF:c633:6407'];
    for (const spelling of four) expect((await guess(spelling, 'right')).status).toBe(201);
    expect((await guess('198.51.100.7', 'right')).status).toBe(429);
    expect((await guess('198.51.100.8', 'right')).status).toBe(201);
  });

  it('D1: is not what a header says, unless the framework trusts the proxy that set it', async () => {
    await open({ logins: THREE }, { trustProxy: false });
    // The bystander's login was the first.
    expect((await guess('203.0.113.1', 'right')).status).toBe(201);
    expect((await guess('203.0.113.2', 'right')).status).toBe(201);
    const spoofed = { forwarded: 'for=203.0.113.4', 'x-real-ip': '203.0.113.4' };
    expect((await guess('203.0.113.3', 'right', '/password', spoofed)).status).toBe(429);
  });

  it('D1: is not used up by another site that its user visits', async () => {
    await open({ logins: THREE, refreshes: THREE, failures: THREE });
    const holder = await scene.login('u1', from('203.0.113.7'));
    for (let turn = 0; turn < 5; turn += 1) {
      expect((await guess('203.0.113.7', 'wrong', '/password', EVIL)).status).toBe(403);
      expect((await guess('203.0.113.7', 'wrong', '/by-hand', EVIL)).status).toBe(403);
      const forged = { ...bothCookies(holder), ...from('203.0.113.7'), ...EVIL };
      expect((await scene.refresh(forged)).status).toBe(401);
      expect((await scene.refresh({ ...from('203.0.113.7'), ...EVIL })).status).toBe(401);
    }
    expect((await guess('203.0.113.7', 'right')).status).toBe(201);
    const own = { ...refreshCookie(holder.refresh), ...from('203.0.113.7') };
    expect((await scene.refresh(own)).status).toBe(200);
  });

  it('D1: does not escape by calling itself another site', async () => {
    await open({ refreshes: THREE });
    const tokens = await scene.login('u1', { 'st-auth-mode': 'header', ...from('203.0.113.7') });
    const headers = {
      authorization: `Bearer ${tokens.refresh}`,
      ...from('203.0.113.7'),
      ...EVIL,
    };
    expect(await statuses(repeat(4, () => scene.refresh(headers)))).toEqual([200, 200, 200, 429]);
  });

  it.each(['rid', 'anti-csrf'])(
    'D1: does not escape by calling itself another site with `rid`, or with `anti-csrf`: %s',
    async (name) => {
      await open({ failures: THREE });
      const headers = { ...refreshCookie('guess'), ...from('203.0.113.7'), ...EVIL, [name]: 'x' };
      const guesses: number[] = [];
      for (let turn = 0; turn < 4; turn += 1) guesses.push((await scene.refresh(headers)).status);
      expect(guesses).toEqual([401, 401, 401, 429]);
    },
  );

  it('D1: is counted where the application says, so that instances can share a limit', async () => {
    const counts = new Map<string, number>();
    const counter = {
      add(key: string, amount: number) {
        counts.set(key, (counts.get(key) ?? 0) + amount);
        return Promise.resolve(counts.get(key) ?? 0);
      },
    };
    await open({ logins: THREE, failures: THREE, counter });
    await guess('2001:db8:0:1::7', 'wrong');
    expect(counts.get('logins:2001:db8:0:1::/64')).toBe(1);
    expect(counts.get('failures:2001:db8:0:1::/64')).toBe(1);
    counts.set('logins:203.0.113.9', 3);
    expect((await guess('203.0.113.9', 'right')).status).toBe(429);
  });

  it.each([
    ['throws', () => Promise.reject(new Error('redis://:secret@host'))],
    ['gives no number', () => 'many' as never],
    ['never answers', () => new Promise<number>(() => undefined)],
  ])('D1: is let through where the counter %s, and the log says so once', async (_, add) => {
    const logs = new LogRecorder();
    await open({ logins: THREE, counter: { add } }, { prepare: logs.record });
    expect(await statuses(repeat(2, () => guess('203.0.113.7', 'right')))).toEqual([201, 201]);
    const lines = logs.lines.filter(({ text }) => text.includes('rateLimit'));
    expect(lines.length).toBe(1);
    expect(logs.lines.map(({ text }) => text).join()).not.toContain('secret');
  });

  it('D1: is not limited unless the application asks for it', async () => {
    await open(false);
    const answers = repeat(100, () => guess('203.0.113.7', 'right'));
    expect(new Set(await statuses(answers))).toEqual(new Set([201]));
  });
});

describe('the memory of what has been counted', () => {
  it('D1: is bounded, however many addresses ask', () => {
    const counter = new MemoryCounter(new FakeClock());
    for (let index = 0; index < 60_000; index += 1) counter.add(`logins:${index}`, 1, 60_000);
    expect(counter.size).toBe(50_000);
    expect(counter.add('logins:59999', 1, 60_000)).toBe(2);
    expect(counter.add('logins:nobody', 0, 60_000)).toBe(0);
    expect(counter.size).toBe(50_000);
  });

  it('D1: ends with its window also where the clock was ahead when that began', () => {
    const clock = new FakeClock();
    const counter = new MemoryCounter(clock);
    clock.advanceMs(3_600_000);
    expect(counter.add('logins:u1', 1, 60_000)).toBe(1);
    clock.advanceMs(-3_600_000);
    expect(counter.add('logins:u1', 1, 60_000)).toBe(1);
    clock.advanceMs(59_999);
    expect(counter.add('logins:u1', 1, 60_000)).toBe(2);
    clock.advanceMs(1);
    expect(counter.add('logins:u1', 1, 60_000)).toBe(1);
  });
});
