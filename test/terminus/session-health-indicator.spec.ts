import { Controller, Get } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { PublicAccess } from '../../lib/index.js';
import { SessionHealthIndicator } from '../../lib/terminus/index.js';
import { bootApp, type BootedApp } from '../support/boot-app.js';

/** What @nestjs/terminus calls for each result. */
type IndicatorFunction = () => PromiseLike<
  Record<string, { status: 'up' | 'degraded' | 'down' } & Record<string, unknown>>
>;

@Controller('health')
class HealthController {
  constructor(private readonly sessions: SessionHealthIndicator) {}

  @Get()
  @PublicAccess()
  async check(): Promise<object> {
    const indicators: IndicatorFunction[] = [() => this.sessions.check('sessions')];
    return Object.assign({}, ...(await Promise.all(indicators.map((each) => each()))));
  }
}

describe('the indicator for @nestjs/terminus', () => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  async function health(): Promise<unknown> {
    booted = await bootApp({
      controllers: [HealthController],
      providers: [SessionHealthIndicator],
    });
    return (await booted.client().get('/health')).json;
  }

  it('is up under its key, with the ages of the feed and of the keys', async () => {
    expect(await health()).toEqual({
      sessions: {
        status: 'up',
        databaseAnswers: true,
        feedAgeMs: 0,
        isFeedStale: false,
        areKeysReadable: true,
        keysAgeMs: 0,
        signingKeyAgeMs: 0,
      },
    });
  });

  it('is down while the database does not answer, without an error', async () => {
    await health();
    await booted.dataSource.destroy();
    expect((await booted.client().get('/health')).json).toMatchObject({
      sessions: { status: 'down', databaseAnswers: false },
    });
  });
});
