import {
  Catch,
  Controller,
  Get,
  Req,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import {
  SessionEventBus,
  SessionException,
  SessionService,
  type SessionEvents,
} from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import { accessCookie, bothCookies, refreshCookie, Scene } from '../support/scene.js';

@Controller()
class HandshakeController {
  constructor(private readonly sessions: SessionService) {}

  @Get('handshake')
  async handshake(@Req() request: { raw?: object }): Promise<void> {
    await this.sessions.getSessionOfHandshake(request.raw ?? request);
  }
}

@Catch()
class OwnFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<{
      status(code: number): { send(body: object): void };
    }>();
    const status = error instanceof SessionException ? error.getStatus() : 500;
    response.status(status).send({ own: true });
  }
}

describe.each(platforms)('a failure that an operator counts on %s', (platform) => {
  async function failuresOf(
    sessions: NonNullable<Parameters<typeof Scene.open>[0]>['sessions'],
    act: (scene: Scene) => Promise<unknown>,
  ): Promise<SessionEvents['antiCsrfFailed']['at'][]> {
    const scene = await Scene.open({
      platform,
      controllers: [HandshakeController],
      ...(sessions && { sessions }),
    });
    try {
      const failures: SessionEvents['antiCsrfFailed']['at'][] = [];
      const bus = scene.booted.app.get(SessionEventBus);
      bus.on('antiCsrfFailed', ({ at }) => void failures.push(at));
      await act(scene);
      await new Promise((resolve) => setImmediate(resolve));
      return failures;
    } finally {
      await scene.close();
    }
  }

  it('is a refresh without its anti-CSRF token, where the check is by token', async () => {
    const failures = await failuresOf({ antiCsrf: 'VIA_TOKEN' }, async (scene) => {
      const holder = await scene.login('u1');
      expect((await scene.refresh(refreshCookie(holder.refresh))).status).toBe(401);
    });
    expect(failures).toEqual(['refresh']);
  });

  it('is a WebSocket handshake from another origin', async () => {
    const failures = await failuresOf(undefined, async (scene) => {
      const { access } = await scene.login('u1');
      const headers = { ...accessCookie(access), origin: 'https://evil.example' };
      expect((await scene.get('/handshake', headers)).status).toBe(403);
    });
    expect(failures).toEqual(['handshake']);
  });

  it('has its headers on a sign-out too, in an application with a filter for everything', async () => {
    const scene = await Scene.open({
      platform,
      prepare: (app) => {
        app.useGlobalFilters(new OwnFilter());
      },
    });
    const holder = await scene.login('u1');
    await scene.booted.dataSource.destroy();
    const { status, headers } = await scene.post('/auth/signout', bothCookies(holder));
    expect([status, headers['retry-after'], headers['cache-control']]).toEqual([
      503,
      '5',
      'no-store',
    ]);
    await scene.close().catch(() => undefined);
  });
});
