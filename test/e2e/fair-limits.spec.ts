import {
  Body,
  Controller,
  Get,
  Injectable,
  Post,
  Query,
  Req,
  RequestTimeoutException,
  Res,
  UnauthorizedException,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { once } from 'node:events';
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { promisify } from 'node:util';
import { throwError, timeout, type Observable } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  CreateSession,
  SessionService,
  type SessionModuleOptions,
  type SessionRateLimitOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import {
  accessCookie,
  bearer,
  holderOf,
  refreshCookie,
  Scene,
  type Headers,
  type Holder,
} from '../support/scene.js';

const PROVIDER = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
const IMAGE = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' };
const FRAME = { ...PROVIDER, 'sec-fetch-dest': 'iframe' };

@Controller()
class GuessController {
  looked = 0;
  private waiting: (() => void)[] = [];

  constructor(private readonly sessions: SessionService) {}

  /** A login by hand: `step` is right and asks for a second step, `noted` is wrong and answered 201. */
  @Post('guess-by-hand')
  async guessByHand(
    @Body() { password }: { password: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.limitLogin(request);
    this.looked += 1;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    if (password === 'wrong') throw new UnauthorizedException();
    if (password === 'noted') await this.sessions.countFailedLogin(request);
    if (password === 'broken') throw new Error('the mail server is away');
    if (password !== 'right') return;
    await this.sessions.createNewSession(request, response, 'public', 'u1');
  }

  /** A login by hand that counts nothing ahead. */
  @Post('created')
  async created(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'u1');
  }

  @Post('guess')
  @CreateSession()
  async guess(@Body() { password }: { password: string }): Promise<string | null> {
    this.looked += 1;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    return password === 'right' ? 'u1' : null;
  }

  @Get('callback')
  @CreateSession({ allowCrossSite: true })
  callback(@Query('code') code?: string): string | null {
    return code === 'right' ? 'u1' : null;
  }

  @Get('link')
  @CreateSession()
  link(@Query('code') code?: string): string | null {
    return this.callback(code);
  }

  get isAsked(): boolean {
    return this.waiting.length > 0;
  }

  answerAll(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }
}

/** The interceptor for time limits in Nest's documentation. */
@Injectable()
class TimeoutInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const refuse = () => throwError(() => new RequestTimeoutException());
    return next.handle().pipe(timeout({ first: 20, with: refuse }));
  }
}

@Controller()
@UseInterceptors(TimeoutInterceptor)
class TimedController {
  @Post('endless')
  @CreateSession()
  endless(): Promise<string> {
    return new Promise(() => undefined);
  }
}

describe.each(platforms)('the limit of failures on %s', (platform) => {
  let scene: Scene;
  afterEach(() => scene.close());

  async function open(
    rateLimit: SessionRateLimitOptions,
    sessions: SessionModuleOptions = {},
  ): Promise<GuessController> {
    scene = await Scene.open({
      platform,
      controllers: [GuessController, TimedController],
      sessions: { rateLimit: { logins: false, refreshes: false, ...rateLimit }, ...sessions },
    });
    return scene.booted.app.get(GuessController);
  }

  async function guessAtOnce(
    controller: GuessController,
    passwords: string[],
    path = '/guess',
  ): Promise<number[]> {
    const answers = passwords.map((password) => scene.post(path, {}, { password }));
    const settled = Promise.all(answers);
    const state = { isDone: false };
    void settled.then(() => (state.isDone = true));
    while (!state.isDone) {
      controller.answerAll();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return (await settled).map(({ status }) => status);
  }

  it('D8: holds for guesses that are sent at once', async () => {
    const controller = await open({ failures: { max: 5, per: '10m' } });
    const guesses = Array.from({ length: 54 }, () => 'wrong');
    const statuses = await guessAtOnce(controller, guesses);
    expect(controller.looked).toBe(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(49);
  });

  it('D8: holds for guesses at once that a handler looks at by itself', async () => {
    for (const wrong of ['wrong', 'noted']) {
      const controller = await open({ failures: { max: 5, per: '10m' } });
      const guesses = Array.from({ length: 54 }, () => wrong);
      const statuses = await guessAtOnce(controller, guesses, '/guess-by-hand');
      expect(controller.looked).toBe(5);
      expect(statuses.filter((status) => status === 429)).toHaveLength(49);
      expect(await guessAtOnce(controller, ['right'], '/guess-by-hand')).toEqual([429]);
      await scene.close();
    }
    await open({});
  });

  it.each([
    ['right', 201],
    ['step', 201],
    ['broken', 500],
  ])('is not used up by logins by hand that are %s', async (password, status) => {
    const controller = await open({ failures: { max: 2, per: '10m' } });
    const guess = (each: string) => guessAtOnce(controller, [each], '/guess-by-hand');
    for (let logins = 0; logins < 6; logins += 1) expect(await guess(password)).toEqual([status]);
    expect(await guess('wrong')).toEqual([401]);
    expect(await guess('noted')).toEqual([201]);
    expect(await guess(password)).toEqual([429]);
  });

  it('is not used up by what succeeds', async () => {
    const controller = await open({ failures: { max: 2, per: '10m' } });
    for (let logins = 0; logins < 6; logins += 1) {
      expect(await guessAtOnce(controller, ['right'])).toEqual([201]);
    }
    const { refresh } = await scene.login('u1');
    for (let refreshes = 0; refreshes < 6; refreshes += 1) {
      expect((await scene.refresh(refreshCookie(refresh))).status).toBe(200);
    }
    expect(await guessAtOnce(controller, ['wrong'])).toEqual([401]);
    expect(await guessAtOnce(controller, ['wrong'])).toEqual([401]);
    expect(await guessAtOnce(controller, ['right'])).toEqual([429]);
  });

  it.each(['/guess', '/guess-by-hand', '/created'])(
    'is not used up by right passwords of a user with too many sessions: %s',
    async (path) => {
      const controller = await open(
        { failures: { max: 2, per: '10m' } },
        { maxSessionsPerUser: { max: 1, onLimit: 'refuse' } },
      );
      expect(await guessAtOnce(controller, ['right'], path)).toEqual([201]);
      for (let count = 0; count < 4; count += 1) {
        expect(await guessAtOnce(controller, ['right'], path)).toEqual([403]);
      }
      expect(await guessAtOnce(controller, ['wrong', 'wrong'], '/guess')).toEqual([401, 401]);
      expect(await guessAtOnce(controller, ['wrong'], '/guess')).toEqual([429]);
    },
  );

  it('is not used up by right passwords of a user whose sessions are revoked meanwhile', async () => {
    const controller = await open({ failures: { max: 2, per: '10m' } });
    for (let count = 0; count < 4; count += 1) {
      const answer = scene.post('/guess', {}, { password: 'right' });
      await expect.poll(() => controller.isAsked).toBe(true);
      scene.booted.clock.advanceMs(10);
      await scene.booted.app.get(SessionService).revokeAllSessionsForUser('u1');
      controller.answerAll();
      expect((await answer).status).toBe(401);
    }
  });

  it('is not used up by logins that a time limit cuts off', async () => {
    const controller = await open({ failures: { max: 2, per: '10m' } });
    for (let logins = 0; logins < 4; logins += 1) {
      expect((await scene.post('/endless')).status).toBe(408);
    }
    expect(await guessAtOnce(controller, ['wrong'])).toEqual([401]);
    expect(await guessAtOnce(controller, ['wrong'])).toEqual([401]);
    expect((await scene.post('/endless')).status).toBe(429);
  });

  it('is not used up by first visits, which ask for a refresh without any token', async () => {
    await open({ failures: { max: 2, per: '10m' }, refreshes: { max: 2, per: '10m' } });
    const { refresh } = await scene.login('u1');
    for (let visits = 0; visits < 60; visits += 1) expect((await scene.refresh()).status).toBe(401);
    expect((await scene.refresh(refreshCookie(refresh))).status).toBe(200);
    for (let guesses = 0; guesses < 2; guesses += 1) await scene.refresh(refreshCookie('guess'));
    expect((await scene.refresh(refreshCookie('guess'))).status).toBe(429);
  });

  it('is not used up by people whose sessions were all revoked, but by guesses beside them', async () => {
    await open({ failures: { max: 2, per: '10m' } });
    const people: Holder[] = [];
    for (let index = 0; index < 6; index += 1) people.push(await scene.login(`u${index}`));
    await scene.booted.app.get(SessionService).revokeAllSessionsOfTenant('public');
    for (const { refresh } of people) {
      expect((await scene.refresh(refreshCookie(refresh))).status).toBe(401);
    }
    for (let guesses = 0; guesses < 2; guesses += 1) {
      expect((await scene.refresh(refreshCookie('guess'))).status).toBe(401);
    }
    expect((await scene.refresh(refreshCookie('guess'))).status).toBe(429);
  });

  it('guesses count with `sessionExpiredStatusCode: 440` too', async () => {
    await open({ failures: { max: 2, per: '10m' } }, { sessionExpiredStatusCode: 440 });
    const guess = () => scene.refresh(refreshCookie('guess'));
    expect([(await guess()).status, (await guess()).status]).toEqual([440, 440]);
    expect((await guess()).status).toBe(429);
  });

  it('is not used up by a spent token that comes back again and again', async () => {
    await open({ failures: { max: 2, per: '1h' } });
    const first = await scene.login('u1');
    const second = holderOf(await scene.refresh(refreshCookie(first.refresh)));
    await scene.refresh(refreshCookie(second.refresh));
    await scene.advance(20 * 60_000);
    for (let times = 0; times < 6; times += 1) {
      expect((await scene.refresh(refreshCookie(first.refresh))).status).toBe(401);
    }
    await scene.login('u1');
  });

  it.each<[string, (now: Holder) => Headers]>([
    ['refresh', ({ refresh }) => refreshCookie(refresh)],
    ['access', ({ access }) => accessCookie(access)],
  ])(
    'is not used up by a browser that proves its key for a former session, beside the %s token of the next',
    async (_, cookiesOf) => {
      await open({ failures: { max: 2, per: '10m' } }, { deviceBinding: true });
      const former = { 'sec-secure-session-id': (await scene.login('u1')).handle };
      const now = await scene.login('u1');
      const bind = (cookies: Headers) =>
        scene.post('/auth/session/bind', { ...former, ...cookies });
      for (let times = 0; times < 6; times += 1) {
        expect((await bind(cookiesOf(now))).status).toBe(401);
      }
      const guess = () => bind(refreshCookie('guess'));
      expect([(await guess()).status, (await guess()).status]).toEqual([401, 401]);
      expect((await guess()).status).toBe(503);
      // The browsers of others at its address go on.
      expect((await bind(cookiesOf(now))).status).toBe(401);
    },
  );

  it('is not used up by another site’s images of a login', async () => {
    await open({ failures: { max: 2, per: '10m' }, logins: { max: 2, per: '10m' } });
    for (let images = 0; images < 6; images += 1) {
      expect((await scene.get('/callback?code=x', IMAGE)).status).toBe(403);
    }
    expect((await scene.get('/callback?code=right', PROVIDER)).status).toBe(200);
  });

  it('is not used up by another site’s frames of a login', async () => {
    await open({ failures: { max: 2, per: '10m' }, logins: { max: 2, per: '10m' } });
    for (let frames = 0; frames < 6; frames += 1) {
      expect((await scene.get('/link?code=x', FRAME)).status).toBe(403);
    }
    const followed = { ...PROVIDER, 'sec-fetch-dest': 'document' };
    expect((await scene.get('/link?code=right', followed)).status).toBe(200);
  });
});

describe('the limit of failures over HTTP/2', () => {
  let booted: BootedApp;
  let controller: GuessController;
  let client: ClientHttp2Session;
  let counted: number;
  let admission: Promise<void>;

  beforeEach(async () => {
    counted = 0;
    admission = Promise.resolve();
    const add = async (_key: string, amount: number): Promise<number> => {
      counted += amount;
      await admission;
      return counted;
    };
    const failures = { max: 100, per: '10m' } as const;
    booted = await bootApp({
      platform: 'fastify',
      http2: true,
      controllers: [GuessController],
      sessions: { rateLimit: { logins: false, refreshes: false, failures, counter: { add } } },
    });
    controller = booted.app.get(GuessController);
    client = connect(booted.url);
  });
  afterEach(async () => {
    client.destroy();
    await booted.close();
  });

  function post(path: string, headers: Headers = {}, body?: object): ClientHttp2Stream {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const stream = client.request({ ':method': 'POST', ':path': path, ...type, ...headers });
    stream.end(JSON.stringify(body));
    return stream;
  }

  async function guess(path: string, password: string): Promise<ClientHttp2Stream> {
    const stream = post(path, {}, { password });
    await vi.waitFor(() => expect(controller.looked).toBe(1));
    expect(counted).toBe(1);
    return stream;
  }

  async function leave(stream: ClientHttp2Stream): Promise<void> {
    stream.close(constants.NGHTTP2_CANCEL);
    await once(stream, 'close');
    await promisify(client.ping.bind(client))();
  }

  it.each([
    ['right', 201, 0],
    ['step', 201, 0],
    ['broken', 500, 0],
    ['wrong', 401, 1],
    ['noted', 201, 1],
  ])('knows how a login by hand ended that is %s', async (password, status, failures) => {
    const stream = await guess('/guess-by-hand', password);
    controller.answerAll();
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(status);
    await leave(stream);
    await vi.waitFor(() => expect(counted).toBe(failures));
  });

  it.each(['/guess', '/guess-by-hand'])(
    'is not used up by a right login whose client goes away, at %s',
    async (path) => {
      await leave(await guess(path, 'right'));
      controller.answerAll();
      await vi.waitFor(() => expect(counted).toBe(0));
    },
  );

  it('is not used up by a good refresh whose client goes away', async () => {
    const sessions = booted.app.get(SessionService);
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'u1');
    const { refreshToken = '' } = session.getAllSessionTokensDangerously();
    let admit = (): void => undefined;
    admission = new Promise((resolve) => (admit = resolve));
    const stream = post('/auth/session/refresh', bearer(refreshToken));
    await vi.waitFor(() => expect(counted).toBe(1));
    await leave(stream);
    admit();
    await vi.waitFor(() => expect(counted).toBe(0));
  });
});
