import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import {
  expectEachRefused,
  expectNothingChanged,
  expectTokensUntouched,
  TRY_REFRESH,
  UNAUTHORISED,
} from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  bothCookies,
  refreshCookie,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

const SIMPLE_CONTENT_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
];

/** What a client sees of an answer, but for what differs from request to request. */
function seen({ status, text, headers }: Answer): object {
  const { date: _1, etag: _2, 'x-powered-by': _3, connection: _4, ...rest } = headers;
  return { status, text, headers: { ...rest, 'keep-alive': undefined } };
}

// The rows that the other decisions leave out.
describe.each(platforms)('whatever is sent, on %s,', (platform) => {
  let scene: Scene;
  let holder: Holder;
  beforeAll(async () => {
    scene = await Scene.open({ platform });
    holder = await scene.login('u1');
  });
  afterAll(() => scene.close());

  it('a token of more than its size is refused as any other that does not serve', async () => {
    const access = holder.access.padEnd(8_193, 'A');
    const refresh = holder.refresh.padEnd(513, 'A');
    await expectEachRefused(scene, [() => scene.get('/me', accessCookie(access))], TRY_REFRESH);
    const guest = await scene.get('/optional', accessCookie(access));
    expect([guest.status, guest.json]).toEqual([200, { userId: null }]);
    await expectEachRefused(
      scene,
      [
        () => scene.get('/me', bearer(access)),
        () => scene.refresh(refreshCookie(refresh)),
        () => scene.refresh(bearer(refresh)),
      ],
      UNAUTHORISED,
    );
  });

  it('every token that does not serve gets the same answer, to the byte', async () => {
    const [header, payload, signature] = holder.access.split('.');
    const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt","version":"5","kid":"d-0"}');
    const bad = [
      'garbage',
      `${header}.${payload}.AAAA`,
      `${header}.${payload}.`,
      `${header}.e30.${signature}`,
      `${unsigned.toString('base64url')}.${payload}.${signature}`,
    ];
    const answers = [];
    for (const token of bad) answers.push(seen(await scene.get('/me', accessCookie(token))));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  it('an unknown handle, a forged MAC and a session that is over are not to be told apart by body or status', async () => {
    const over = await scene.login('u2');
    await scene.post('/auth/signout', bothCookies(over));
    const forged = `${over.refresh.slice(0, -8)}AAAAAAAA`;
    const answers = [];
    for (const token of [forged, over.refresh, 'garbage']) {
      const { status, text } = await scene.refresh(refreshCookie(token));
      answers.push({ status, text });
    }
    const { status, body } = UNAUTHORISED;
    const same = { status, text: JSON.stringify(body) };
    expect(answers).toEqual([same, same, same]);
  });

  it('a bearer that is refused is told the scheme (RFC 6750), and a cookie is not', async () => {
    const spoiled = `${holder.access.slice(0, -5)}AAAAA`;
    const byHeader = await scene.get('/me', bearer(spoiled));
    expect(byHeader.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    const byCookie = await scene.get('/me', accessCookie(spoiled));
    expect(byCookie.headers['www-authenticate']).toBeUndefined();
  });

  it.each(SIMPLE_CONTENT_TYPES)(
    'another site’s form of %s refreshes nothing and signs nobody out, with cookies or without',
    async (type) => {
      const page = {
        'content-type': type,
        'sec-fetch-site': 'cross-site',
        origin: 'https://evil.example',
      };
      await expectNothingChanged(scene, async () => {
        for (const cookies of [bothCookies(holder), {}] as Headers[]) {
          for (const path of ['/auth/session/refresh', '/auth/signout']) {
            expectTokensUntouched(await scene.post(path, { ...cookies, ...page }, 'a=b'));
          }
        }
      });
    },
  );

  it('what a body or a query says of tenant, user or handle counts for nothing', async () => {
    const own = await scene.login('u3');
    const victim = await scene.login('victim');
    const asked = `userId=victim&tenantId=t2&sessionHandle=${victim.handle}`;
    const body = { userId: 'victim', tenantId: 't2', sessionHandle: victim.handle };
    const path = `/auth/session/refresh?${asked}`;
    expect((await scene.post(path, refreshCookie(own.refresh), body)).status).toBe(200);
    expect(await scene.sessionRow(own.handle)).toMatchObject({ userId: 'u3', tenantId: 'public' });
    await scene.post(`/auth/signout?${asked}`, refreshCookie(own.refresh), body);
    expect(await scene.sessionRow(own.handle)).toBeNull();
    expect(await scene.sessionRow(victim.handle)).not.toBeNull();
  });

  it('answers that bring or refuse a token are kept by no cache and vary by what they were chosen by', async () => {
    const own = await scene.login('u4');
    const answers = [
      await scene.post('/login', {}, { userId: 'u5' }),
      await scene.get('/me'),
      await scene.refresh(refreshCookie(own.refresh)),
      await scene.refresh(),
      await scene.post('/auth/signout', refreshCookie(own.refresh)),
    ];
    for (const { headers } of answers) {
      expect(headers['cache-control']).toBe('no-store');
      expect(headers.vary).toBe('Cookie, Authorization, Origin');
    }
  });
});
