import { Controller, Param, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  Session,
  SessionContainer,
  SessionInputException,
  SessionService,
} from '../../lib/index.js';
import { RESERVED_CLAIMS } from '../../lib/tokens/reserved-claims.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { refreshTokenOf } from '../support/fleet.js';
import { dump, readFrontToken } from '../support/issued-tokens.js';
import { LogRecorder } from '../support/log-recorder.js';

// Is in every bad value, and must be in no answer and in no log line.
const SECRET = 'hunter2';

/** What a login asks for, as a form may fill it in. */
interface Asked {
  userId: unknown;
  tenantId?: unknown;
  payload?: unknown;
  data?: unknown;
}

const fail = (): never => {
  throw new TypeError(`at the database of ${SECRET}`);
};
const cycle: Record<string, unknown> = { name: SECRET };
cycle['self'] = cycle;

const ok = { userId: 'ada' };
const bad: Record<string, [asked: Asked, message: string]> = {
  'an empty user id': [{ userId: '' }, 'userId must have 1 to 255 characters, not 0'],
  'a long user id': [
    { userId: SECRET.repeat(40) },
    'userId must have 1 to 255 characters, not 280',
  ],
  'a line break in the user id': [
    { userId: `ada\r\nSet-Cookie: ${SECRET}=1` },
    'userId must not have control characters',
  ],
  'half a character in the user id': [
    { userId: `${SECRET}\ud800` },
    'userId must not have control characters',
  ],
  'an empty tenant id': [{ ...ok, tenantId: '' }, 'tenantId must have 1 to 128 characters, not 0'],
  'a long tenant id': [
    { ...ok, tenantId: SECRET.repeat(20) },
    'tenantId must have 1 to 128 characters, not 140',
  ],
  'a zero byte in the tenant id': [
    { ...ok, tenantId: `${SECRET}\u0000` },
    'tenantId must not have control characters',
  ],
  'no tenant id': [{ ...ok, tenantId: null }, 'tenantId must be a string, not null'],
  'a list as tenant id': [{ ...ok, tenantId: [SECRET] }, 'tenantId must be a string, not an array'],
  'a prototype in the payload': [
    { ...ok, payload: JSON.parse(`{"__proto__":{"role":"${SECRET}"}}`) },
    'accessTokenPayload has a forbidden key: __proto__',
  ],
  'a prototype deep in the data': [
    { ...ok, data: JSON.parse(`{"a":[{"constructor":"${SECRET}"}]}`) },
    'sessionDataInDatabase has a forbidden key: constructor',
  ],
  'a cycle': [{ ...ok, payload: cycle }, 'accessTokenPayload is nested deeper than 16 levels'],
  'a bigint': [
    { ...ok, payload: { n: 4711n } },
    'accessTokenPayload must hold JSON only; n is a bigint',
  ],
  'a function': [
    { ...ok, data: { f: () => SECRET } },
    'sessionDataInDatabase must hold JSON only; f is a function',
  ],
  'an object of a class': [
    { ...ok, payload: new Error(SECRET) },
    'accessTokenPayload must be a plain object',
  ],
  'a text as payload': [{ ...ok, payload: SECRET }, 'accessTokenPayload must be a plain object'],
  'a getter that throws': [
    {
      ...ok,
      payload: {
        get a() {
          return fail();
        },
      },
    },
    'accessTokenPayload cannot be read: something in it throws',
  ],
  'a hostile proxy': [
    { ...ok, data: new Proxy({}, { ownKeys: fail }) },
    'sessionDataInDatabase cannot be read: something in it throws',
  ],
  'too much data': [
    { ...ok, data: { text: 'x'.repeat(60_000) } },
    'sessionDataInDatabase has 60011 bytes; at most 60000',
  ],
};
for (const name of RESERVED_CLAIMS) {
  bad[`the reserved claim ${name}`] = [
    { ...ok, payload: { plan: SECRET, [name]: SECRET } },
    `accessTokenPayload sets the reserved claim ${name}`,
  ];
}

@Controller()
class LoginController {
  @Post('login/:name')
  @CreateSession<Asked>({
    userId: ({ userId }) => userId as string,
    tenantId: (asked) => ('tenantId' in asked ? (asked.tenantId as string) : 'public'),
    accessTokenPayload: ({ payload }) => payload as object,
    sessionDataInDatabase: ({ data }) => data as object,
  })
  login(@Param('name') name: string): Asked {
    // What a proxy or a cycle is in JSON is no matter here: the answer shows nothing of it.
    const [asked] = bad[name] ?? [ok];
    return Object.defineProperties({} as Asked, hidden({ ...asked }));
  }

  @Post('payload/:character/:count')
  @CreateSession<{ text: string }>({
    userId: () => 'ada',
    accessTokenPayload: ({ text }) => ({ text, small: 1 }),
  })
  payload(@Param('character') character: string, @Param('count') count: string): { text: string } {
    return { text: character.repeat(Number(count)) };
  }
}

function hidden(values: object): PropertyDescriptorMap {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    { value: value as unknown },
  ]);
  return Object.fromEntries(entries) as PropertyDescriptorMap;
}

describe.each(platforms)('a login on %s', (platform) => {
  let booted: BootedApp;
  const logs = new LogRecorder();
  beforeAll(async () => {
    booted = await bootApp({ platform, controllers: [LoginController], prepare: logs.record });
  });
  afterAll(() => booted.close());

  it.each(Object.entries(bad))(
    'with %s is refused: 400, no row, no cookie',
    async (name, [, message]) => {
      logs.clear();
      const answer = await booted.client().post(`/login/${encodeURIComponent(name)}`);
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({ statusCode: 400, code: 'SESSION_INPUT', message });
      expect(answer.setCookies).toEqual([]);
      expect(answer.headers).not.toHaveProperty('front-token');
      expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
      expect(answer.text + JSON.stringify(logs.lines)).not.toContain(SECRET);
      expect({}).not.toHaveProperty('role');
    },
  );

  // Browsers drop a cookie of more than 4096 bytes without a word, and the user with it.
  it.each([
    ['x', 2000, 201],
    ['x', 3200, 400],
    ['é', 1100, 201],
    ['é', 1600, 400],
    ['馬', 700, 201],
    ['馬', 1200, 400],
  ])(
    'with %s times %i in its payload answers %i: what counts are the bytes of the cookie',
    async (character, count, status) => {
      const client = booted.client();
      const answer = await client.post(`/payload/${encodeURIComponent(character)}/${count}`);
      expect(answer.status).toBe(status);
      const rows = await booted.dataSource.getRepository(Session).count();
      expect([rows, answer.setCookies.length]).toEqual(status === 201 ? [1, 2] : [0, 0]);
      await booted.dataSource.getRepository(Session).clear();
    },
  );

  it('with too large a payload is told how large, and what is largest in it', async () => {
    const answer = await booted.client().post('/payload/x/4000');
    expect(answer.json).toEqual({
      statusCode: 400,
      code: 'SESSION_INPUT',
      message: expect.stringMatching(
        /^accessTokenPayload makes a cookie of \d{4} bytes, but browsers drop cookies of more than 4096; the largest claims are text \(4002 bytes\), small \(1 bytes\)\. Keep what only the server needs in sessionDataInDatabase$/,
      ),
    });
  });

  it('with a payload that fits can be refreshed, which makes the token longer', async () => {
    const sessions = booted.app.get(SessionService);
    const sizes = Array.from({ length: 100 }, (_, index) => 2560 + index);
    const logins = await Promise.all(
      sizes.map((size) =>
        sessions
          .createNewSessionWithoutRequestResponse('public', 'ada', { text: 'x'.repeat(size) })
          .catch((error: unknown) => error),
      ),
    );
    const fitting = logins.filter((login) => login instanceof SessionContainer);
    expect(fitting.length).toBeGreaterThan(0);
    expect(fitting.length).toBeLessThan(sizes.length);
    for (const session of fitting) {
      const token = refreshTokenOf(session);
      const refreshed = await sessions.refreshSessionWithoutRequestResponse(token);
      const repeated = await sessions.refreshSessionWithoutRequestResponse(
        refreshTokenOf(refreshed),
      );
      expect(repeated.getUserId()).toBe('ada');
    }
    await booted.dataSource.getRepository(Session).clear();
  });

  it('with the largest payload that fits makes cookies and a front token that a browser keeps', async () => {
    const client = booted.client();
    const sizes = Array.from({ length: 1000 }, (_, index) => 1900 + index);
    let fits = 0;
    for (let low = 0, high = sizes.length - 1; low <= high;) {
      const middle = (low + high) >> 1;
      const { status } = await client.post(`/payload/x/${sizes[middle]}`);
      if (status === 201) {
        fits = sizes[middle] ?? 0;
        low = middle + 1;
      } else high = middle - 1;
    }
    const answer = await client.post(`/payload/x/${fits}`);
    const longest = Math.max(...answer.setCookies.map((line) => line.split(';')[0]?.length ?? 0));
    expect(longest).toBeLessThanOrEqual(4096);
    expect(String(answer.headers['front-token']).length).toBeGreaterThan(2500);
    expect(String(answer.headers['front-token']).length).toBeLessThanOrEqual(4096);
    expect(readFrontToken(answer.headers['front-token']).up['text']).toHaveLength(fits);
  });
});

describe('a login by hand', () => {
  let booted: BootedApp;
  let sessions: SessionService;
  beforeAll(async () => {
    booted = await bootApp();
    sessions = booted.app.get(SessionService);
  });
  afterAll(() => booted.close());

  it.each(Object.entries(bad))(
    'with %s is refused as bad input, and nothing is written',
    async (_, [asked, message]) => {
      const before = await dump(booted.dataSource);
      const { userId, tenantId = 'public', payload, data } = asked;
      const attempt = sessions.createNewSessionWithoutRequestResponse(
        'tenantId' in asked ? (tenantId as string) : 'public',
        userId as string,
        payload as object,
        data as object,
      );
      await expect(attempt).rejects.toBeInstanceOf(SessionInputException);
      await expect(attempt).rejects.toMatchObject({ message, code: 'SESSION_INPUT' });
      expect(await dump(booted.dataSource)).toBe(before);
    },
  );

  it.each([undefined, null, 7, true, {}, ['ada'], Symbol('ada'), () => 'ada'])(
    'takes no user id but a text: %s',
    async (userId) => {
      const attempt = sessions.createNewSessionWithoutRequestResponse('public', userId as string);
      await expect(attempt).rejects.toMatchObject({ code: 'SESSION_INPUT', argument: 'userId' });
    },
  );

  it.each([
    ['no request', undefined, {}],
    ['no response', { method: 'POST', headers: {} }, undefined],
    ['a Fetch API request', new Request('http://localhost'), new Response()],
  ])('takes no stranger for a request and a response: %s', async (_, request, response) => {
    await expect(sessions.createNewSession(request, response, 'public', 'ada')).rejects.toThrow(
      /^expected the re(quest|sponse) of Express or Fastify/,
    );
    expect(await booted.dataSource.getRepository(Session).count()).toBe(0);
  });
});

describe('a payload that grows by the handle of its session', () => {
  it('is refused where the next token, with its anti-CSRF token, would not fit', async () => {
    const booted = await bootApp({ sessions: { antiCsrf: 'VIA_TOKEN' } });
    const sessions = booted.app.get(SessionService);
    let grown = 0;
    for (let size = 2_450; size < 2_600; size += 5) {
      const login = await sessions.createNewSessionWithoutRequestResponse('public', 'ada');
      const { antiCsrfToken } = login.getAllSessionTokensDangerously();
      const update = { text: 'x'.repeat(size) };
      const growing = sessions.mergeIntoAccessTokenPayload(login.getHandle(), update);
      if (!(await growing.catch(() => false))) continue;
      grown += 1;
      await sessions.refreshSessionWithoutRequestResponse(
        refreshTokenOf(login),
        false,
        antiCsrfToken,
      );
    }
    expect(grown).toBeGreaterThan(0);
    expect(grown).toBeLessThan(30);
    await booted.close();
  });
});
