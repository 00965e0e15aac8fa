import { once, type EventEmitter } from 'node:events';
import { connect, constants, type ClientHttp2Session } from 'node:http2';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import {
  Controller,
  Get,
  Injectable,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type MessageEvent,
} from '@nestjs/common';
import nest from '@nestjs/core/package.json' with { type: 'json' };
import { EventSource } from 'eventsource';
import { interval, map, NEVER, startWith, type Observable } from 'rxjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  CurrentSession,
  RequireFresh,
  SessionModule,
  SessionService,
  UserRoleClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { OpenSessions } from '../../lib/live/open-sessions.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { withClosedConnection } from '../support/closed-connection.js';
import { LogRecorder } from '../support/log-recorder.js';
import { accessCookie, HOST, Scene } from '../support/scene.js';
import { readAnswer } from '../support/streamed-answer.js';
import { Wrapped } from '../support/wrapped.decorator.js';

const roles = new Map<string, string[]>();
const fetched = new Set<string>();
const roleClaim = new UserRoleClaim({
  fetchValue: ({ userId }) => {
    fetched.add(userId);
    return roles.get(userId) ?? [];
  },
});
const signals: AbortSignal[] = [];
let silent: Readable;

interface NodeAnswer {
  write(text: string): unknown;
  end(text: string): unknown;
}

/** Makes a guard wait until its client has left. */
@Injectable()
class LateGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<true> {
    await closingOf(context.switchToHttp().getResponse());
    return true;
  }
}

type ClosingAnswer = EventEmitter & { raw?: EventEmitter };
let closings = 0;

async function closingOf(response: ClosingAnswer): Promise<void> {
  await once(response.raw ?? response, 'close');
  closings += 1;
}

@Controller()
@VerifySession()
class StreamController {
  constructor(private readonly sessions: SessionService) {}

  @Sse('events')
  events(@CurrentSession() session: SessionContainer): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: session.getUserId() }));
  }

  @Sse('promised')
  async promised(): Promise<Observable<MessageEvent>> {
    await pause(1);
    return NEVER.pipe(startWith({ data: 'first' }));
  }

  @Sse('events-for-nobody')
  @UseGuards(LateGuard)
  eventsForNobody(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'first' }));
  }

  @Get('own-for-nobody')
  @UseGuards(LateGuard)
  ownForNobody(@Res() response: NodeAnswer & { raw?: NodeAnswer; hijack?(): void }): void {
    response.hijack?.();
    (response.raw ?? response).write('late');
  }

  @Sse('admins')
  @VerifySession({ roles: ['admin'] })
  admins(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'secret' }));
  }

  @Sse('fresh')
  @RequireFresh('10m')
  fresh(): Observable<MessageEvent> {
    return NEVER.pipe(startWith({ data: 'secret' }));
  }

  @Sse('flood')
  flood(): Observable<MessageEvent> {
    return interval(1).pipe(map(() => ({ data: 'x'.repeat(10_000) })));
  }

  @Get('file')
  file(): StreamableFile {
    const chunks = async function* () {
      for (;;) {
        yield 'chunk ';
        await pause(5);
      }
    };
    return new StreamableFile(Readable.from(chunks()));
  }

  @Get('readable')
  readable(): Readable {
    return this.file().getStream();
  }

  @Get('silent-file')
  silentFile(): StreamableFile {
    silent = new Readable({ read: () => undefined });
    return new StreamableFile(silent);
  }

  @Get('late-file')
  async lateFile(@CurrentSession() session: SessionContainer): Promise<StreamableFile> {
    await new Promise((resolve) => session.ended.addEventListener('abort', resolve));
    silent = Readable.from('late');
    return new StreamableFile(silent);
  }

  @Get('last-file')
  async lastFile(@CurrentSession('sub') userId: string): Promise<StreamableFile> {
    await this.sessions.revokeAllSessionsForUser(userId);
    silent = Readable.from('last');
    return new StreamableFile(silent);
  }

  @Get('own-last-file')
  async ownLastFile(@CurrentSession() session: SessionContainer): Promise<StreamableFile> {
    await session.revokeSession();
    return new StreamableFile(Readable.from('goodbye'));
  }

  @Get('own')
  own(@Res() response: NodeAnswer & { raw?: NodeAnswer; hijack?(): void }): void {
    response.hijack?.();
    const raw = response.raw ?? response;
    raw.write('first ');
  }

  @Get('wrapped')
  @Wrapped
  wrapped(@Res() response: NodeAnswer & { raw?: NodeAnswer; hijack?(): void }): void {
    this.own(response);
  }

  @Get('late')
  async late(@Res() response: NodeAnswer & { raw?: NodeAnswer; hijack?(): void }): Promise<void> {
    response.hijack?.();
    await pause(50);
    (response.raw ?? response).end('in one piece');
  }

  @Get('file-for-nobody')
  async fileForNobody(@Res({ passthrough: true }) response: ClosingAnswer) {
    await closingOf(response);
    return new StreamableFile(Readable.from('late'));
  }

  @Get('signal-for-nobody')
  async signalForNobody(
    @CurrentSession() session: SessionContainer,
    @Res({ passthrough: true }) response: ClosingAnswer,
  ): Promise<string> {
    await closingOf(response);
    signals.push(session.ended);
    return 'late';
  }

  @Get('signal')
  signal(@CurrentSession() session: SessionContainer): object {
    signals.push(session.ended);
    return { aborted: session.ended.aborted };
  }
}

function read(scene: Scene, path: string, access: string) {
  return readAnswer(`${scene.booted.url}/${path}`, { host: HOST, ...accessCookie(access) });
}

describe.each(platforms)('a stream on %s', (platform) => {
  const logs = new LogRecorder();
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      prepare: logs.record,
      controllers: [StreamController],
      sessions: { claims: [roleClaim] },
    });
  });
  afterAll(() => scene.close());
  const sessions = (): SessionService => scene.booted.app.get(SessionService);
  const open = (): number => scene.booted.app.get(OpenSessions).size;

  it.each(['events', 'promised'])('of events gets an event, and its end: %s', async (path) => {
    const { access, handle } = await scene.login('bob');
    const { begun, text } = read(scene, path, access);
    await begun;
    await pause(20);
    await sessions().revokeSession(handle);
    const [received, end] = await text;
    expect(end).toBe('whole');
    expect(received).toMatch(/data: (bob|first)\n/);
    expect(received).toMatch(/event: session-ended\nid: 2\ndata: {"code":"UNAUTHORISED"}\n\n$/);
    expect(open()).toBe(0);
  });

  it('is told of by a browser’s EventSource, which comes back in vain', async () => {
    const { access, handle } = await scene.login('bob');
    const statuses: number[] = [];
    const source = new EventSource(`${scene.booted.url}/events`, {
      fetch: async (url, init) => {
        const headers = { ...init.headers, cookie: `sAccessToken=${access}` };
        const answer = await fetch(url, { ...init, headers });
        statuses.push(answer.status);
        return answer;
      },
    });
    const ended = new Promise<unknown>((resolve) => {
      source.addEventListener('session-ended', ({ data }) => resolve(data));
    });
    await new Promise((resolve) => source.addEventListener('message', resolve));
    await sessions().revokeSession(handle);
    expect(await ended).toBe('{"code":"UNAUTHORISED"}');
    source.close();
  });

  it('of events ends where a role is taken that it asked for', async () => {
    roles.set('carol', ['admin']);
    const { access } = await scene.login('carol');
    const admins = read(scene, 'admins', access);
    const others = read(scene, 'events', access);
    await Promise.all([admins.begun, others.begun]);
    await pause(20);
    roles.set('carol', []);
    await sessions().markClaimsStale('carol');
    expect((await admins.text)[0]).toMatch(
      /event: session-ended\nid: 2\ndata: {"code":"INVALID_CLAIMS"}/,
    );
    expect(open()).toBe(1);
    others.request.destroy();
    await others.text;
  });

  it('of events keeps its role through any number of marks, until the role is taken', async () => {
    roles.set('dora', ['admin']);
    const { access } = await scene.login('dora');
    const { begun, text } = read(scene, 'admins', access);
    await begun;
    await pause(20);
    for (let marks = 0; marks < 51; marks += 1) {
      scene.booted.clock.advanceMs(1);
      fetched.clear();
      await sessions().markClaimsStale('dora');
      await vi.waitUntil(() => fetched.has('dora'));
      await pause(5);
    }
    expect(logs.texts('error')).toEqual([]);
    roles.set('dora', []);
    scene.booted.clock.advanceMs(1);
    await sessions().markClaimsStale('dora');
    expect((await text)[0]).toMatch(/event: session-ended\nid: 2\ndata: {"code":"INVALID_CLAIMS"}/);
    expect(logs.texts('error')).toEqual([]);
    expect(open()).toBe(0);
  });

  it('whose client has left is kept for nobody', async () => {
    const { access } = await scene.login('bob');
    const { begun, text, request } = read(scene, 'events', access);
    const response = await begun;
    await pause(20);
    const before = open();
    response.on('error', () => undefined);
    request.destroy();
    await text;
    await expect.poll(open).toBe(before - 1);
  });

  it.each(['events', 'file', 'own', 'signal'])(
    'is kept for nobody where its client has left before it begins: %s',
    async (kind) => {
      const { access, handle } = await scene.login('bob');
      const before = closings;
      const { text, request } = read(scene, `${kind}-for-nobody`, access);
      text.catch(() => undefined);
      await pause(50);
      request.destroy();
      await expect.poll(() => closings).toBe(before + 1);
      await pause(20);
      expect(open()).toBe(0);
      await sessions().revokeSession(handle);
    },
  );

  it('that nobody reads is cut off', async () => {
    const { access, handle } = await scene.login('bob');
    const { begun } = read(scene, 'flood', access);
    const response = await begun;
    response.removeAllListeners('data').pause();
    await pause(50);
    const closed = new Promise((resolve) => response.socket.once('close', resolve));
    await sessions().revokeSession(handle);
    response.resume();
    await closed;
    expect(open()).toBe(0);
  });

  it.each(['file', 'own', 'wrapped'])(
    'of an answer is cut off at the end of the session: %s',
    async (path) => {
      const { access, handle } = await scene.login('bob');
      const { begun, text } = read(scene, path, access);
      await begun;
      await sessions().revokeSession(handle);
      expect((await text)[1]).toBe('cut');
      expect(open()).toBe(0);
    },
  );

  // Before Nest 12, Express gets it as JSON.
  it.runIf(platform === 'fastify' || Number.parseInt(nest.version) >= 12)(
    'cuts off a stream that a handler returns as it is',
    async () => {
      const { access, handle } = await scene.login('bob');
      const { begun, text } = read(scene, 'readable', access);
      await begun;
      await sessions().revokeSession(handle);
      expect((await text)[1]).toBe('cut');
      expect(open()).toBe(0);
    },
  );

  it('of a file is cut off before its first byte, and the file is closed', async () => {
    const { access, handle } = await scene.login('bob');
    const before = open();
    const { begun, text } = read(scene, 'silent-file', access);
    text.catch(() => undefined);
    await expect.poll(open).toBe(before + 1);
    await sessions().revokeSession(handle);
    await expect(begun).rejects.toThrow('socket hang up');
    expect(silent.destroyed).toBe(true);
    expect(open()).toBe(0);
  });

  it.each(['late-file', 'last-file'])(
    'of a file is refused where its session has ended before: %s',
    async (path) => {
      const { access, handle, userId } = await scene.login(`reader of ${path}`);
      const { begun, text } = read(scene, path, access);
      if (path === 'late-file') {
        await vi.waitUntil(() => open() === 1);
        await sessions().revokeSession(handle);
      }
      expect((await begun).statusCode).toBe(401);
      expect((await text)[0]).toBe(
        '{"statusCode":401,"code":"UNAUTHORISED","message":"unauthorised"}',
      );
      expect(silent.destroyed).toBe(true);
      expect(await sessions().getAllSessionHandlesForUser(userId)).toEqual([]);
      expect(open()).toBe(0);
    },
  );

  it('of a file goes out where its own handler ends the session', async () => {
    const { access } = await scene.login('bob');
    expect(await read(scene, 'own-last-file', access).text).toEqual(['goodbye', 'whole']);
  });

  it('is no stream where it is one piece: what was asked for goes out', async () => {
    const { access, handle } = await scene.login('bob');
    const { text } = read(scene, 'late', access);
    await pause(20);
    await sessions().revokeSession(handle);
    expect(await text).toEqual(['in one piece', 'whole']);
  });

  it('`session.ended` is released with the answer, so that nothing is kept', async () => {
    const { access, handle } = await scene.login('bob');
    expect((await read(scene, 'signal', access).text)[0]).toBe('{"aborted":false}');
    await expect.poll(open).toBe(0);
    await sessions().revokeSession(handle);
    expect(signals.at(-1)?.aborted).toBe(false);
  });
});

describe.each(platforms)('a stream that outlasts what it asked for, on %s', (platform) => {
  const claim = new UserRoleClaim({
    defaultMaxAgeInSeconds: 60,
    fetchValue: ({ userId }) => {
      fetched.add(userId);
      return roles.get(userId) ?? [];
    },
  });
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      platform,
      controllers: [StreamController],
      sessions: { claims: [claim] },
    });
  });
  afterAll(() => scene.close());
  const open = (): number => scene.booted.app.get(OpenSessions).size;
  const passAnHour = async (): Promise<void> => {
    scene.booted.clock.advance('1h');
    const { task }: { task: { runNow(): Promise<void> } } = scene.booted.app.get(RevocationFeed);
    await task.runNow();
  };

  it('keeps a role that is fetched again when it is too old, and ends when it was taken', async () => {
    roles.set('erin', ['admin']);
    const { access } = await scene.login('erin');
    const { begun, text } = read(scene, 'admins', access);
    await begun;
    await expect.poll(open).toBe(1);
    for (let looks = 0; looks < 3; looks += 1) {
      fetched.clear();
      await passAnHour();
      await vi.waitUntil(() => fetched.has('erin'));
      await pause(20);
      expect(open()).toBe(1);
    }
    roles.set('erin', []);
    await passAnHour();
    expect((await text)[0]).toMatch(/event: session-ended\nid: 2\ndata: {"code":"INVALID_CLAIMS"}/);
    expect(open()).toBe(0);
  });

  it('ends when its login is no longer fresh', async () => {
    const { access } = await scene.login('erin');
    const { begun, text } = read(scene, 'fresh', access);
    await begun;
    await expect.poll(open).toBe(1);
    await passAnHour();
    expect((await text)[0]).toMatch(/event: session-ended\nid: 2\ndata: {"code":"INVALID_CLAIMS"}/);
    expect(open()).toBe(0);
  });

  it('goes on where it asked for nothing', async () => {
    const { access, handle } = await scene.login('erin');
    const { begun, text } = read(scene, 'events', access);
    await begun;
    await expect.poll(open).toBe(1);
    fetched.clear();
    await passAnHour();
    await pause(20);
    expect([open(), fetched.has('erin')]).toEqual([1, false]);
    await scene.booted.app.get(SessionService).revokeSession(handle);
    await text;
  });
});

describe('a stream whose role can no longer be fetched', () => {
  class EntityNotFoundError extends Error {
    override readonly name = 'EntityNotFoundError';
  }
  let isThere = true;
  let fetches = 0;
  const claim = new UserRoleClaim({
    fetchValue: ({ userId }) => {
      fetches += 1;
      if (isThere) return ['admin'];
      throw new EntityNotFoundError(`no user ${userId}`);
    },
  });
  const logs = new LogRecorder();
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      prepare: logs.record,
      controllers: [StreamController],
      sessions: { claims: [claim] },
    });
  });
  afterAll(() => scene.close());

  it('ends a stream whose role can no longer be fetched, and says so in the log, but not while the sessions’ database is away', async () => {
    const { app, clock, dataSource } = scene.booted;
    const { task } = app.get<{ task: { runNow(): Promise<void> } }>(RevocationFeed);
    const { access, handle } = await scene.login('frida');
    const admins = read(scene, 'admins', access);
    const others = read(scene, 'events', access);
    await Promise.all([admins.begun, others.begun]);
    let isOver = false;
    const ended = admins.text.finally(() => (isOver = true));
    await expect.poll(() => app.get(OpenSessions).size).toBe(1);
    const afterFetch = async (act: () => Promise<unknown>): Promise<void> => {
      const before = fetches;
      await act();
      await vi.waitUntil(() => fetches > before);
      await pause(20);
    };

    isThere = false;
    await afterFetch(() => app.get(SessionService).markClaimsStale('frida'));
    const lines = logs.lines.filter(({ text }) => text.includes('open connection'));
    expect(lines.map(({ level, text }) => [level, text])).toEqual([
      [
        'error',
        'The claims of an open connection could not be fetched or judged: EntityNotFoundError. The next EntityNotFoundError is told after a minute',
      ],
    ]);
    expect(JSON.stringify(logs.lines)).not.toContain('frida');
    clock.advanceMs(120_000);
    await withClosedConnection(dataSource, () => afterFetch(() => task.runNow()));
    expect(isOver).toBe(false);
    await afterFetch(() => task.runNow());
    clock.advanceMs(59_999);
    await afterFetch(() => task.runNow());
    expect(isOver).toBe(false);
    clock.advanceMs(1);
    await task.runNow();
    expect((await ended)[0]).toMatch(
      /event: session-ended\nid: 2\ndata: {"code":"INVALID_CLAIMS"}/,
    );
    expect(app.get(OpenSessions).size).toBe(1);
    isThere = true;
    await app.get(SessionService).revokeSession(handle);
    await others.text;
  });
});

describe('a stream whose role is fetched without end', () => {
  let isAnswered = true;
  let fetches = 0;
  const claim = new UserRoleClaim({
    fetchValue: () => {
      fetches += 1;
      return isAnswered ? ['admin'] : new Promise<string[]>(() => undefined);
    },
  });
  const logs = new LogRecorder();
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.open({
      prepare: logs.record,
      controllers: [StreamController],
      sessions: { claims: [claim] },
    });
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => scene.close());

  it('ends a stream whose role is fetched without end', async () => {
    const { app, clock } = scene.booted;
    const { task } = app.get<{ task: { runNow(): Promise<void> } }>(RevocationFeed);
    const { access } = await scene.login('frida');
    const { begun, text } = read(scene, 'admins', access);
    await begun;
    await expect.poll(() => app.get(OpenSessions).size).toBe(1);
    isAnswered = false;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const before = fetches;
    await app.get(SessionService).markClaimsStale('frida');
    await vi.waitUntil(() => fetches > before);
    await pause(20);
    vi.advanceTimersByTime(5_000);
    await pause(20);
    expect(logs.texts('error')).toEqual([
      'The claims of an open connection could not be fetched or judged: TimeoutError. The next TimeoutError is told after a minute',
    ]);
    expect(app.get(OpenSessions).size).toBe(1);
    const asked = fetches;
    clock.advanceMs(60_000);
    await task.runNow();
    await pause(20);
    expect([app.get(OpenSessions).size, fetches]).toEqual([0, asked]);
    vi.useRealTimers();
    expect((await text)[0]).toMatch(/event: session-ended\nid: 2\ndata: {"code":"INVALID_CLAIMS"}/);
  });
});

describe('a stream over HTTP/2', () => {
  let booted: BootedApp;
  beforeAll(async () => {
    booted = await bootApp({
      platform: 'fastify',
      http2: true,
      controllers: [StreamController],
      sessions: { claims: [roleClaim] },
    });
  });
  afterAll(() => booted.close());
  let client: ClientHttp2Session;
  beforeEach(() => {
    client = connect(booted.url);
  });
  afterEach(() => client.destroy());

  it.each(['file', 'own', 'silent-file'])(
    'is not whole for a client that is cut off: %s',
    async (path) => {
      const sessions = booted.app.get(SessionService);
      const open = booted.app.get(OpenSessions);
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob');
      const { accessToken } = session.getAllSessionTokensDangerously();
      const authorization = `Bearer ${accessToken}`;
      const stream = client.request({ ':path': `/${path}`, authorization });
      stream.on('error', () => undefined);
      stream.resume();
      const begun = path === 'silent-file' ? undefined : once(stream, 'response');
      await expect.poll(() => open.size).toBe(1);
      await begun;
      const closed = new Promise((resolve) => stream.once('close', resolve));
      await sessions.revokeSession(session.getHandle());
      await closed;
      expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
      expect(open.size).toBe(0);
    },
  );
});

describe.each(platforms)(
  'a file in an application of several kinds of sessions on %s',
  (platform) => {
    it('is cut off once, without a warning of Node', async () => {
      const scene = await Scene.open({
        platform,
        imports: ['staff', 'agents'].map((kind) => SessionModule.forRoot({ kind })),
        controllers: [StreamController],
        sessions: { claims: [roleClaim] },
      });
      const { access, handle } = await scene.login('bob');
      const { begun, text } = read(scene, 'file', access);
      const warned = vi.fn();
      process.on('warning', warned);
      await begun;
      expect(scene.booted.app.get(OpenSessions).size).toBe(1);
      await scene.booted.app.get(SessionService).revokeSession(handle);
      expect((await text)[1]).toBe('cut');
      process.off('warning', warned);
      expect(warned.mock.calls).toEqual([]);
      await scene.close();
    });
  },
);
