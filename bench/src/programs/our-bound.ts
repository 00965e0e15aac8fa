import { Body, Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CreateSession } from 'nestjs-auth-sessions';
import { FakeBrowser } from 'nestjs-auth-sessions/testing';
import type { DatabasePlace } from '../databases.js';
import { answerRuns, type Operation } from '../operation.js';
import { ourImports } from '../our-application.js';

// Past the time for which a browser counts its signatures, at each look at the clock.
const STEP_MS = 100_000;

@Controller()
class LoginController {
  @Post('login')
  @CreateSession()
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }
}

/** A refresh over HTTP: of a bound session by its browser, which signs for it here, or of an unbound one by its page. */
answerRuns(async (place: DatabasePlace, what: 'bound' | 'unbound', lanes: number) => {
  @Module({
    imports: ourImports(place, { deviceBinding: true, refreshGracePeriod: 0 }),
    controllers: [LoginController],
  })
  class BoundApplication {}
  const app = await NestFactory.create<NestFastifyApplication>(
    BoundApplication,
    new FastifyAdapter(),
    { logger: ['error', 'warn'] },
  );
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const browsers: FakeBrowser[] = [];
  for (let lane = 0; lane < lanes; lane += 1) {
    browsers.push(await loggedIn(url, `user-${lane}`, what === 'bound'));
  }
  const operation: Operation = async (lane) => {
    const browser = browsers[lane];
    if (browser === undefined) throw new Error(`no browser in lane ${lane}`);
    if (what === 'bound') await browser.refreshAll();
    else await browser.send('POST', '/auth/session/refresh');
  };
  return operation;
});

async function loggedIn(url: string, userId: string, canBind: boolean): Promise<FakeBrowser> {
  let nowMs = performance.timeOrigin;
  const clock = { now: () => (canBind ? (nowMs += STEP_MS) : nowMs) };
  const browser = new FakeBrowser({ url, canBind, clock });
  await browser.send('POST', '/login', { body: { userId } });
  return browser;
}
