import { Injectable } from '@nestjs/common';
import { APP_GUARD, ExternalContextCreator } from '@nestjs/core';
import { afterEach, describe, expect, it } from 'vitest';
import { PublicAccess, SessionGuard, SessionService, VerifySession } from '../../lib/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';

interface Job {
  readonly data: { readonly token: string };
}

/** A handler as libraries for queues have it: it is called with a job, and with no request. */
@Injectable()
class Jobs {
  constructor(private readonly sessions: SessionService) {}

  @PublicAccess()
  async open({ data }: Job): Promise<string> {
    const session = await this.sessions.getSessionWithoutRequestResponse(data.token);
    return session.getUserId();
  }

  undeclared(): string {
    return 'done';
  }

  @VerifySession()
  guarded(): string {
    return 'secret';
  }
}

describe('a handler of a queue, which is called with no request', () => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  async function start(isGuarded: boolean) {
    booted = await bootApp({
      providers: [Jobs, ...(isGuarded ? [{ provide: APP_GUARD, useClass: SessionGuard }] : [])],
    });
    const jobs = booted.app.get(Jobs);
    const session = await booted.app
      .get(SessionService)
      .createNewSessionWithoutRequestResponse('public', 'u1');
    const call = (name: 'open' | 'undeclared' | 'guarded', token: string, type: string) => {
      const handler = jobs[name] as (...args: unknown[]) => unknown;
      const context = booted.app
        .get(ExternalContextCreator, { strict: false })
        .create(
          jobs,
          handler,
          name,
          undefined,
          undefined,
          undefined,
          undefined,
          { guards: true, interceptors: true, filters: true },
          type,
        );
      return context({ data: { token } }) as Promise<unknown>;
    };
    return { call, token: session.getAccessToken(), jobs };
  }

  // Some libraries give Nest no name of theirs, and so call by its default.
  it.each(['bullmq', 'http'])(
    'fails its job by a session error of its own, by the name %s',
    async (type) => {
      const { call, token } = await start(false);
      expect(await call('open', token, type)).toBe('u1');
      await expect(call('open', 'garbage', type)).rejects.toMatchObject({ code: 'UNAUTHORISED' });
    },
  );

  it.each(['bullmq', 'http'])(
    'is refused where it asks for a session, by the name %s',
    async (type) => {
      for (const isGuarded of [false, true]) {
        const { call, token } = await start(isGuarded);
        await expect(call('guarded', token, type)).rejects.toThrow(/request/);
        if (!isGuarded) await booted.close();
      }
    },
  );

  it('is refused under `APP_GUARD` unless it is open, and told how to be', async () => {
    const { call, token } = await start(true);
    await expect(call('undeclared', token, 'bullmq')).rejects.toThrow(
      'open it with @PublicAccess()',
    );
    expect(await call('open', token, 'bullmq')).toBe('u1');
    await expect(call('open', 'garbage', 'bullmq')).rejects.toMatchObject({ code: 'UNAUTHORISED' });
  });

  it('gets session errors as they are where a library calls it by itself', async () => {
    const { jobs, token } = await start(true);
    expect(await jobs.open({ data: { token } })).toBe('u1');
    await expect(jobs.open({ data: { token: 'garbage' } })).rejects.toMatchObject({
      code: 'UNAUTHORISED',
    });
  });
});
