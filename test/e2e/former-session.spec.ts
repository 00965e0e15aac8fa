import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import {
  Body,
  Catch,
  Controller,
  Get,
  Post,
  Req,
  Res,
  UseFilters,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Context, GraphQLModule, Mutation, Query, Resolver } from '@nestjs/graphql';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionService,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp } from '../support/boot-app.js';
import { LoginController } from '../support/login.controller.js';

@Catch(UnauthorizedSessionException)
class OwnFilter implements ExceptionFilter {
  constructor(private readonly host: HttpAdapterHost) {}

  catch(exception: UnauthorizedSessionException, host: ArgumentsHost): void {
    const response: unknown = host.switchToHttp().getResponse();
    this.host.httpAdapter.reply(response, { refused: true }, exception.getStatus());
  }
}

const acting = { userId: 'ada', reason: 'ticket 7', lifetime: '1h' } as const;

@Controller()
@VerifySession()
class FormerController {
  constructor(private readonly sessions: SessionService) {}

  @Get('me')
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId(), actor: session.getActor()?.userId ?? null };
  }

  @Post('act')
  async act(@Req() request: object, @Res({ passthrough: true }) response: object): Promise<void> {
    await this.sessions.impersonate(request, response, acting);
  }

  @Post('change')
  async change(
    @CurrentSession() session: SessionContainer,
    @Body() { way, next }: { way: string; next: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    const userId = session.getUserId();
    if (way === 'refresh and log in') {
      session = await this.sessions.refreshSession(request, response);
      await this.sessions.createNewSession(request, response, 'public', 'eve');
    } else if (way === 'reauthenticate')
      await this.sessions.reauthenticate(request, response, userId);
    else if (way === 'log in')
      await this.sessions.createNewSession(request, response, 'public', 'eve');
    else if (way === 'act') await this.sessions.impersonate(request, response, acting);
    else await this.sessions.endImpersonation(request, response);
    if (next === 'merge') await session.mergeIntoAccessTokenPayload({ mfa: true });
    else await session.revokeSession();
  }

  @Post('change-with-filter')
  @UseFilters(OwnFilter)
  changeWithFilter(
    @CurrentSession() session: SessionContainer,
    @Body() body: { way: string; next: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    return this.change(session, body, request, response);
  }
}

const users: Record<string, object> = {
  act: { userId: 'ada', actor: 'sam' },
  'log in': { userId: 'eve', actor: null },
  'refresh and log in': { userId: 'eve', actor: null },
};

describe.each(platforms)('an answer that brings another session, on %s', (platform) => {
  let booted: BootedApp;
  afterEach(() => booted.close());

  it.each([
    ['change', 'reauthenticate', 'merge', 401, {}],
    ['change-with-filter', 'reauthenticate', 'merge', 401, {}],
    ['change', 'reauthenticate', 'revoke', 201, {}],
    ['change', 'log in', 'merge', 401, {}],
    ['change', 'log in', 'merge', 201, { revokePreviousSession: false }],
    ['change', 'log in', 'revoke', 201, { revokePreviousSession: false }],
    ['change', 'refresh and log in', 'merge', 201, { revokePreviousSession: false }],
    ['change', 'act', 'merge', 201, {}],
    ['change', 'come back', 'merge', 401, {}],
    ['change', 'come back', 'revoke', 201, {}],
  ])(
    'keeps its tokens whatever becomes of the former one: /%s, %s, %s: %d',
    async (path, way, next, status, options) => {
      booted = await bootApp({
        platform,
        controllers: [LoginController, FormerController],
        sessions: options,
      });
      const client = booted.client();
      await client.post('/login', { userId: 'sam' });
      if (way === 'come back') await client.post('/act');
      const before = await client.cookie('sRefreshToken');
      expect((await client.post(`/${path}`, { way, next })).status).toBe(status);
      expect(await client.cookie('sRefreshToken')).not.toBe(before);
      const who = users[way] ?? { userId: 'sam', actor: null };
      expect((await client.get('/me')).json).toEqual(who);
      expect((await client.post('/auth/session/refresh')).status).toBe(200);
      expect((await client.get('/me')).json).toEqual(who);
    },
  );
});

@Resolver()
class FormerResolver {
  constructor(private readonly sessions: SessionService) {}

  @Query(() => String)
  @VerifySession()
  who(@CurrentSession('sub') userId: string): string {
    return userId;
  }

  @Mutation(() => Boolean)
  @VerifySession()
  async prove(
    @CurrentSession() session: SessionContainer,
    @Context('req') req: { res: object },
  ): Promise<boolean> {
    await this.sessions.reauthenticate(req, req.res, session.getUserId());
    await session.mergeIntoAccessTokenPayload({ mfa: true });
    return true;
  }
}

describe('an answer of GraphQL that brings another session', () => {
  it('keeps its tokens though the resolver uses the former one', async () => {
    const booted = await bootApp({
      imports: [
        GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true }),
      ],
      controllers: [LoginController],
      providers: [FormerResolver],
    });
    const client = booted.client();
    await client.post('/login', { userId: 'sam' });
    const { json } = await client.post('/graphql', { query: 'mutation { prove }' });
    expect(json).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    const { json: after } = await client.post('/graphql', { query: '{ who }' });
    expect(after).toEqual({ data: { who: 'sam' } });
    await booted.close();
  });
});
