import { Body, Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  CreateSession,
  CurrentSession,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import { FakeBrowser } from 'nestjs-auth-sessions/testing';
import { cpuCount } from '../cpu-count.js';
import type { DatabasePlace } from '../databases.js';
import type { RequestLine } from '../load.js';
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

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { isBound: session.isBound() };
  }
}

// What a client of the guarded route needs.
let server: Omit<RequestLine, 'path'>;

/** Bound sessions, whose browsers sign for a refresh in this process, or unbound ones, whose pages refresh. */
answerRuns(
  async (place: DatabasePlace, what: 'bound' | 'unbound', lanes: number) => {
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
    const access = ['__Host-sAccessToken', 'sAccessToken'].map((name) => browsers[0]?.cookie(name));
    const cookie = `__Host-sAccessToken=${access.find((each) => each !== undefined)}`;
    server = { port: Number(new URL(url).port), headers: { cookie } };
    const operation: Operation = async (lane) => {
      const browser = browsers[lane];
      if (browser === undefined) throw new Error(`no browser in lane ${lane}`);
      if (what === 'bound') await browser.refreshAll();
      else await browser.send('POST', '/auth/session/refresh');
    };
    return operation;
  },
  {
    server: () => server,
    ...cpuCount,
  },
);

async function loggedIn(url: string, userId: string, canBind: boolean): Promise<FakeBrowser> {
  let nowMs = performance.timeOrigin;
  const clock = { now: () => (canBind ? (nowMs += STEP_MS) : nowMs) };
  const browser = new FakeBrowser({ url, canBind, clock });
  await browser.send('POST', '/login', { body: { userId } });
  return browser;
}
