import 'reflect-metadata';
import { createSecretKey } from 'node:crypto';
import { Controller, Get, Module, Req, UseGuards, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { JwtModule, JwtService } from '@nestjs/jwt';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import {
  SessionVerifierModule,
  VerifySession as VerifyWithoutDatabase,
  type ReadonlySession,
} from 'nestjs-auth-sessions/verifier';
import {
  SuperTokensAuthGuard,
  SuperTokensModule,
  VerifySession as VerifyTheirs,
} from 'supertokens-nestjs';
import { answer } from '../answer.js';
import { cpuCount } from '../cpu-count.js';
import { JwtGuard } from '../jwt-guard.js';
import { MinimalGuard, rememberedSessions, Roles, RolesGuard } from '../limit/minimal-guard.js';
import { cookieHeader, databaseImports, IN_MEMORY, ourImports } from '../our-application.js';
import { startCoreStandIn, superTokensCookies, superTokensOptions } from '../supertokens.js';

export type Guard =
  'none' | 'by hand' | 'ours' | 'ours, without a database' | 'supertokens-nestjs' | '@nestjs/jwt';
export type Platform = 'express' | 'fastify';

type Headers = Record<string, string>;
type Adapter = ExpressAdapter | FastifyAdapter;

/** An application's class, and how its client logs in. */
interface Application {
  module: Type;
  login: (app: Awaited<ReturnType<typeof listen>>['app']) => Headers | Promise<Headers>;
}

interface WithSession {
  session: { userId: string };
}

answer({
  start: async (guard: Guard, platform: Platform) => {
    const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
    const application = await applications[guard](platform, adapter);
    const { app, port } = await listen(application.module, adapter);
    return { port, headers: await application.login(app) };
  },
  ...cpuCount,
});

// The same three routes in each: one that only answers, one that answers with whose session it is, and one that asks for a
// role. Where there is none to ask for, it only answers.
const applications: Record<
  Guard,
  (platform: Platform, adapter: Adapter) => Application | Promise<Application>
> = {
  none: () => {
    @Controller()
    class Bare {
      @Get('ok') ok() {
        return { ok: true };
      }
      @Get('me') me() {
        return { userId: 'user-1' };
      }
      @Get('admin') admin() {
        return { ok: true };
      }
    }
    @Module({ controllers: [Bare] })
    class BareModule {}
    return { module: BareModule, login: () => ourCookies('x'.repeat(500)) };
  },

  'by hand': () => {
    @Controller()
    @UseGuards(MinimalGuard)
    class ByHand {
      @Get('ok') ok() {
        return { ok: true };
      }
      @Get('me') me(@Req() request: WithSession) {
        return { userId: request.session.userId };
      }
      @Get('admin') @UseGuards(RolesGuard) @Roles(['admin']) admin() {
        return { ok: true };
      }
    }
    // With a database, as an application that has users: its classes alone make the collector's work more.
    @Module({ imports: databaseImports(IN_MEMORY), controllers: [ByHand] })
    class ByHandModule {}
    const token = 'x'.repeat(500);
    const session = {
      userId: 'user-1',
      expiresAtMs: Date.now() + 3_600_000,
      roles: ['member', 'admin'],
    };
    rememberedSessions.set(token, session);
    return { module: ByHandModule, login: () => ourCookies(token) };
  },

  ours: () => {
    @Controller()
    @VerifySession()
    class Ours {
      @Get('ok') ok() {
        return { ok: true };
      }
      @Get('me') me(@CurrentSession() session: SessionContainer) {
        return { userId: session.getUserId() };
      }
      @Get('admin') @VerifySession({ roles: ['admin'] }) admin() {
        return { ok: true };
      }
    }
    @Module({ imports: ourImports(IN_MEMORY), controllers: [Ours] })
    class OursModule {}
    return {
      module: OursModule,
      login: (app) => logInWithRoles(app.get(SessionService)),
    };
  },

  'ours, without a database': async () => {
    const secret = 'a-secret-of-the-benchmark-of-no-use-elsewhere';
    const issuer = 'https://api.example.com/auth';
    @Module({
      imports: ourImports(IN_MEMORY, {
        issuer,
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        routes: { revocations: { secrets: [secret] } },
      }),
    })
    class IssuerModule {}
    // In the same process; it is asked once in two seconds.
    const { app: issuing, port } = await listen(IssuerModule, new ExpressAdapter());
    @Controller()
    @VerifyWithoutDatabase()
    class Verified {
      @Get('ok') ok() {
        return { ok: true };
      }
      @Get('me') me(@CurrentSession() session: ReadonlySession) {
        return { userId: session.getUserId() };
      }
      @Get('admin') @VerifyWithoutDatabase({ roles: ['admin'] }) admin() {
        return { ok: true };
      }
    }
    @Module({
      imports: [
        SessionVerifierModule.forRoot({
          issuer,
          url: `http://127.0.0.1:${port}/auth`,
          cookies: true,
          revocations: { secret, maxStaleness: '1d' },
        }),
      ],
      controllers: [Verified],
    })
    class VerifiedModule {}
    return { module: VerifiedModule, login: () => logInWithRoles(issuing.get(SessionService)) };
  },

  'supertokens-nestjs': async (platform, adapter) => {
    const core = await startCoreStandIn();
    @Controller()
    @UseGuards(SuperTokensAuthGuard)
    class Theirs {
      @Get('ok') ok() {
        return { ok: true };
      }
      @Get('me') me(@Req() request: { session: { getUserId(): string } }) {
        return { userId: request.session.getUserId() };
      }
      @Get('admin') @VerifyTheirs({ roles: ['admin'] }) admin() {
        return { ok: true };
      }
    }
    @Module({
      imports: [
        SuperTokensModule.forRoot({
          ...superTokensOptions(core.url, platform),
          // The types want an adapter of Fastify 4, and get the one of this Nest.
          ...(platform === 'fastify' ? { fastifyAdapter: adapter as never } : {}),
        }),
      ],
      controllers: [Theirs],
    })
    class TheirsModule {}
    const cookie = superTokensCookies(core.logIn('user-1', ['member', 'admin']));
    return { module: TheirsModule, login: () => ({ cookie }) };
  },

  '@nestjs/jwt': () => {
    @Controller()
    @UseGuards(JwtGuard)
    class WithJwt {
      @Get('ok') ok() {
        return { ok: true };
      }
      @Get('me') me(@Req() request: { user: { sub: string } }) {
        return { userId: request.user.sub };
      }
      @Get('admin') admin() {
        return { ok: true };
      }
    }
    // From a string jsonwebtoken would make a key at each request, which takes longer than all else.
    const secret = createSecretKey('a secret of the benchmark, of no use elsewhere', 'utf8');
    @Module({
      imports: [JwtModule.register({ global: true, secret, signOptions: { expiresIn: '1h' } })],
      controllers: [WithJwt],
    })
    class WithJwtModule {}
    return {
      module: WithJwtModule,
      login: async (app) => {
        const token = await app.get(JwtService).signAsync({ sub: 'user-1', username: 'user' });
        return { authorization: `Bearer ${token}` };
      },
    };
  },
};

async function listen(module: Type, adapter: Adapter) {
  const app = await NestFactory.create(module, adapter, { logger: ['error', 'warn'] });
  await app.listen(0, '127.0.0.1');
  return { app, port: Number(new URL(await app.getUrl()).port) };
}

function ourCookies(token: string): Headers {
  return { cookie: cookieHeader(token, 'y'.repeat(156)) };
}

async function logInWithRoles(sessions: SessionService): Promise<Headers> {
  const session = await sessions.createNewSessionWithoutRequestResponse('public', 'user-1', {
    'st-role': { v: ['member', 'admin'], t: Date.now() },
  });
  const { accessToken, refreshToken = '' } = session.getAllSessionTokensDangerously();
  return { cookie: cookieHeader(accessToken, refreshToken) };
}
