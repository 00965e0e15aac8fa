import assert from 'node:assert/strict';
import { All, Body, Controller, Get, Post } from '@nestjs/common';
import type { EntityTarget, ObjectLiteral } from 'typeorm';
import {
  CreateSession,
  CurrentSession,
  Session,
  SessionRevocation,
  SessionSigningKey,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { ArrivalQueue } from '../../lib/session/verify/arrival-queue.js';
import { bootApp, type BootedApp, type BootOptions } from './boot-app.js';
import { send, type Answer } from './http-client.js';

/** The names of the two cookies where they can be Secure. */
export const ACCESS_COOKIE = '__Host-sAccessToken';
export const REFRESH_COOKIE = '__Host-sRefreshToken';
export const HOST = 'api.example.com';

export type Headers = Record<string, string>;

/** What a client holds after its login, and what the database calls it. */
export interface Holder {
  readonly userId: string;
  readonly handle: string;
  readonly access: string;
  readonly refresh: string;
  readonly antiCsrf: string | undefined;
}

@Controller()
export class SceneController {
  /** How many requests a guard has let through. */
  reached = 0;

  @Post('login')
  @CreateSession()
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return this.answer(session);
  }

  @All('act')
  @VerifySession()
  act(@CurrentSession() session: SessionContainer | undefined): object {
    return this.answer(session);
  }

  @All('optional')
  @VerifySession({ sessionRequired: false })
  optional(@CurrentSession() session: SessionContainer | undefined): object {
    return this.answer(session);
  }

  @All('strict')
  @VerifySession({ checkDatabase: true })
  strict(@CurrentSession() session: SessionContainer): object {
    return { ...this.answer(session), plan: session.getAccessTokenPayload()['plan'] ?? null };
  }

  @All('forced')
  @VerifySession({ antiCsrfCheck: true })
  forced(@CurrentSession() session: SessionContainer): object {
    return this.answer(session);
  }

  @All('unchecked')
  @VerifySession({ antiCsrfCheck: false })
  unchecked(@CurrentSession() session: SessionContainer): object {
    return this.answer(session);
  }

  private answer(session: SessionContainer | undefined): { userId: string | null } {
    this.reached += 1;
    return { userId: session?.getUserId() ?? null };
  }
}

/** A running application, called by its public name over https, with a session of somebody else in it. */
export class Scene {
  private constructor(
    readonly booted: BootedApp,
    private bystander: Holder | undefined,
  ) {}

  static async open(options: BootOptions = {}): Promise<Scene> {
    const controllers = [SceneController, ...(options.controllers ?? [])];
    const scene = new Scene(await bootApp({ ...options, controllers }), undefined);
    scene.bystander = await scene.login('bystander');
    return scene;
  }

  close(): Promise<void> {
    return this.booted.close();
  }

  /** One request, with nothing but the headers that are given. */
  send(method: string, path: string, headers: Headers = {}, body?: unknown): Promise<Answer> {
    const withHost = { host: HOST, ...headers };
    return send(this.booted.url + path, method, { headers: withHost, body });
  }

  get(path: string, headers?: Headers): Promise<Answer> {
    return this.send('GET', path, headers);
  }

  post(path: string, headers?: Headers, body?: unknown): Promise<Answer> {
    return this.send('POST', path, headers, body);
  }

  refresh(headers?: Headers): Promise<Answer> {
    return this.post('/auth/session/refresh', headers);
  }

  /** Logs a user in; by header with `{ 'st-auth-mode': 'header' }`. */
  async login(userId: string, headers: Headers = {}): Promise<Holder> {
    const answer = await this.post('/login', headers, { userId });
    assert.equal(answer.status, 201);
    return holderOf(answer);
  }

  /** Moves time on: what polls the clock hears of it, and somebody else's session is refreshed. */
  async advance(milliseconds: number): Promise<void> {
    this.booted.clock.advanceMs(milliseconds);
    await this.booted.app.get(RevocationFeed).poll();
    const headers = { ...refreshCookie(this.bystander?.refresh), rid: 'session' };
    const antiCsrf = this.bystander?.antiCsrf;
    const answer = await this.refresh({ ...headers, ...(antiCsrf && { 'anti-csrf': antiCsrf }) });
    assert.equal(answer.status, 200);
    this.bystander = holderOf(answer, this.bystander);
  }

  /** Waits until what runs behind the requests has reached the database. */
  settle(): Promise<void> {
    return this.booted.app.get(ArrivalQueue).flush();
  }

  /** Every row of every table. */
  async rows(): Promise<Record<'sessions' | 'keys' | 'revocations', string[]>> {
    await this.settle();
    const { dataSource } = this.booted;
    const dump = async (entity: EntityTarget<ObjectLiteral>) =>
      (await dataSource.getRepository(entity).find()).map((row) => JSON.stringify(row)).toSorted();
    return {
      sessions: await dump(Session),
      keys: await dump(SessionSigningKey),
      revocations: await dump(SessionRevocation),
    };
  }

  sessionRow(handle: string): Promise<Session | null> {
    return this.booted.dataSource.getRepository(Session).findOneBy({ handle });
  }

  get reached(): number {
    return this.booted.app.get(SceneController).reached;
  }

  async expectBystanderToStay(): Promise<void> {
    const answer = await this.get('/me', accessCookie(this.bystander?.access));
    assert.deepEqual(answer.json, { userId: 'bystander' });
  }
}

/** What a client keeps of an answer that brings tokens, by cookie or by header. */
export function holderOf(answer: Answer, before?: Holder): Holder {
  const access = setCookie(answer, ACCESS_COOKIE) ?? answer.headers['st-access-token'];
  const refresh =
    setCookie(answer, REFRESH_COOKIE) ?? answer.headers['st-refresh-token'] ?? before?.refresh;
  const antiCsrf = answer.headers['anti-csrf'] ?? before?.antiCsrf;
  const { sub, sessionHandle } = payloadOf(String(access));
  return {
    userId: String(sub),
    handle: String(sessionHandle),
    access: String(access),
    refresh: String(refresh),
    antiCsrf: antiCsrf === undefined ? undefined : String(antiCsrf),
  };
}

/** The value that a response sets a cookie to. */
export function setCookie(answer: Answer, name: string): string | undefined {
  const line = answer.setCookies.find((each) => each.startsWith(`${name}=`));
  return line?.slice(name.length + 1).split(';')[0];
}

/** What a JWT says, unverified. */
export function payloadOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;
}

/** What the browser's code reads of a session. */
export function frontTokenOf(answer: Answer): { uid: string; ate: number; up: object } {
  const value = String(answer.headers['front-token']);
  return JSON.parse(Buffer.from(value, 'base64').toString()) as ReturnType<typeof frontTokenOf>;
}

export function accessCookie(access: string | undefined): Headers {
  return { cookie: `${ACCESS_COOKIE}=${access}` };
}

export function refreshCookie(refresh: string | undefined): Headers {
  return { cookie: `${REFRESH_COOKIE}=${refresh}` };
}

export function bothCookies({ access, refresh }: Pick<Holder, 'access' | 'refresh'>): Headers {
  return { cookie: `${ACCESS_COOKIE}=${access}; ${REFRESH_COOKIE}=${refresh}` };
}

export function bearer(token: string): Headers {
  return { authorization: `Bearer ${token}` };
}
