import { Controller, Post, Query, Req, Res } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Session, SessionEventBus, SessionService } from '../../lib/index.js';
import { AccessTokenMinter } from '../../lib/session/mint/access-token-minter.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import {
  accessCookie,
  bothCookies,
  holderOf,
  HOST,
  Scene,
  SceneController,
} from '../support/scene.js';

@Controller()
class TwiceController {
  constructor(private readonly sessions: SessionService) {}

  @Post('twice')
  async twice(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'u1');
    await this.sessions.createNewSession(request, response, 'public', 'u1');
  }

  @Post('at-once')
  async atOnce(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const login = () => this.sessions.createNewSession(request, response, 'public', 'u1');
    await Promise.all(Array.from({ length: 5 }, login));
  }

  /** As a GraphQL request can, which names a mutation again and again. */
  @Post('often')
  async often(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
    @Query('by') by: 'login' | 'reauthentication',
  ): Promise<unknown> {
    const refused = new Set<string>();
    for (let times = 0; times < 500; times += 1) {
      const session =
        by === 'login'
          ? this.sessions.createNewSession(request, response, 'public', 'u1')
          : this.sessions.reauthenticate(request, response, 'u1');
      await session.catch((error: unknown) => refused.add((error as Error).message));
    }
    return { refused: [...refused] };
  }
}

describe.each(platforms)('several sessions in one answer on %s', (platform) => {
  it.each([
    ['login', 10, 'login was done 10 times for one answer'],
    // The first one ends the session that the others would renew.
    ['reauthentication', 1, 'try refresh token'],
  ])('cost a bounded number of signatures, by %s: %d', async (by, count, refusal) => {
    const scene = await Scene.open({ platform, controllers: [TwiceController] });
    const signatures = vi.spyOn(AccessTokenMinter.prototype, 'mint');
    const before = await scene.login('u1');
    signatures.mockClear();
    const answer = await scene.post(`/often?by=${by}`, {
      ...bothCookies(before),
      origin: `https://${HOST}`,
    });
    expect([answer.status, answer.json]).toEqual([201, { refused: [refusal] }]);
    expect(signatures).toHaveBeenCalledTimes(count);
    signatures.mockRestore();
    const holder = holderOf(answer);
    const rows = await scene.booted.dataSource.getRepository(Session).findBy({ userId: 'u1' });
    expect(rows.map(({ handle }) => handle)).toEqual([holder.handle]);
    await scene.close();
  });

  it.each([
    ['twice', true],
    ['twice', false],
    ['at-once', true],
    ['at-once', false],
  ])(
    'are one, by %s: the others end, as nobody has their tokens (revokePreviousSession: %s)',
    async (path, revokePreviousSession) => {
      const scene = await Scene.open({
        platform,
        controllers: [TwiceController],
        sessions: { revokePreviousSession },
      });
      const holder = holderOf(await scene.post(`/${path}`));
      const rows = await scene.booted.dataSource.getRepository(Session).findBy({ userId: 'u1' });
      expect(rows.map(({ handle }) => handle)).toEqual([holder.handle]);
      expect((await scene.get('/strict', accessCookie(holder.access))).status).toBe(200);
      await scene.close();
    },
  );
});

describe.each(platforms)('the list of a user’s sessions on %s', (platform) => {
  it('is kept by no cache', async () => {
    const scene = await Scene.open({ platform });
    const answer = await scene.get('/auth/sessions', bothCookies(await scene.login('u1')));
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    await scene.close();
  });
});

describe.each(platforms)('the address that is kept of a client on %s', (platform) => {
  let booted: BootedApp;

  it('is the same behind a proxy that writes ports, whatever the port', async () => {
    const told: unknown[] = [];
    booted.app.get(SessionEventBus).on('clientChanged', ({ changed }) => void told.push(changed));
    const client = booted.client();
    const from = (address: string) => ({ headers: { 'x-ip': address } });
    await client.post('/login', { userId: 'ports' }, from('94.252.75.68:22272'));
    for (const address of ['94.252.75.68:1', '94.252.75.68', '::ffff:94.252.75.68', 'unknown']) {
      const answer = await client.post('/auth/session/refresh', undefined, from(address));
      expect(answer.status).toBe(200);
    }
    await client.post('/auth/session/refresh', undefined, from('94.252.75.69:22272'));
    await expect.poll(() => told).toEqual([['ip']]);
  });

  beforeAll(async () => {
    booted = await bootApp({
      platform,
      controllers: [SceneController],
      sessions: { device: { ip: true } },
      prepare: (app) => {
        // What a framework that trusts its proxy takes from `X-Forwarded-For`.
        const read = (request: { headers: Record<string, string> }) => request.headers['x-ip'];
        const http = app.getHttpAdapter().getInstance() as {
          use?: (handler: (request: object, response: object, next: () => void) => void) => void;
          addHook?: (
            name: string,
            hook: (request: object, reply: object, next: () => void) => void,
          ) => void;
        };
        const set = (request: object, _: object, next: () => void) => {
          Object.defineProperty(request, 'ip', { value: read(request as never) });
          next();
        };
        if (http.addHook === undefined) http.use?.(set);
        else http.addHook('onRequest', set);
      },
    });
  });
  afterAll(() => booted.close());

  it.each([
    ['94.252.75.68:22272', '94.252.75.68'],
    ['94.252.75.68', '94.252.75.68'],
    ['[2001:DB8::0:1]:443', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['unknown', null],
    ['<script>', null],
    ['1.2.3.4, 5.6.7.8', null],
  ])('for %s is %s', async (ip, kept) => {
    const client = booted.client('https://api.example.com');
    await client.post('/login', { userId: 'u1' }, { headers: { 'x-ip': ip } });
    const [row] = await booted.dataSource
      .getRepository(Session)
      .find({ order: { createdAt: 'DESC', handle: 'DESC' }, take: 1 });
    expect(row?.ip).toBe(kept);
    await booted.dataSource.getRepository(Session).clear();
  });
});
