import { All, Controller, Get, Options, Post, UseGuards, type Type } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CreateSession,
  PublicAccess,
  RequireFresh,
  SessionConfigurationError,
  SessionGuard,
  VerifySession,
} from '../../lib/index.js';
import { bootApp, platforms } from '../support/boot-app.js';
import { accessCookie, Scene, type Headers } from '../support/scene.js';

@Controller('optional')
@VerifySession({ sessionRequired: false })
class OptionalController {
  @Get('plain')
  plain(): string {
    return 'secret';
  }

  @Get('fresh')
  @RequireFresh('5m')
  fresh(): string {
    return 'secret';
  }

  @Get('admin')
  @VerifySession({ roles: ['admin'] })
  admin(): string {
    return 'secret';
  }

  @Get('writer')
  @VerifySession({ permissions: ['write'] })
  writer(): string {
    return 'secret';
  }

  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): string {
    return 'secret';
  }
}

@Controller('admins')
@VerifySession({ roles: ['admin'] })
class AdminController {
  @Get('strict')
  @VerifySession({ checkDatabase: true })
  strict(): string {
    return 'secret';
  }

  @All('report')
  report(): string {
    return 'secret';
  }

  @Options('report-options')
  options(): string {
    return 'what it can do';
  }
}

@Controller('strict-admins')
@VerifySession({ checkDatabase: true })
class StrictAdminController extends AdminController {}

@Controller('base')
@PublicAccess()
class BaseController {
  @Get('shared')
  shared(): string {
    return 'open';
  }
}

@Controller('extended')
@UseGuards(SessionGuard)
class ExtendedController extends BaseController {
  @Get('own')
  own(): string {
    return 'secret';
  }
}

const controllers = [
  OptionalController,
  AdminController,
  StrictAdminController,
  BaseController,
  ExtendedController,
];
const ways: [string, NonNullable<Parameters<typeof bootApp>[0]>][] = [
  ['', {}],
  [' under APP_GUARD', { providers: [{ provide: APP_GUARD, useExisting: SessionGuard }] }],
];

describe.each(
  platforms.flatMap((platform) =>
    ways.map(([way, options]) => [`${platform}${way}`, { platform, ...options }] as const),
  ),
)('what a route asks of a session, on %s', (_, options) => {
  let scene: Scene;
  let user: Headers;
  beforeAll(async () => {
    scene = await Scene.open({ ...options, controllers });
    user = accessCookie((await scene.login('u1')).access);
  });
  afterAll(() => scene.close());

  it('is nothing where its controller lets pass who has no session', async () => {
    expect((await scene.get('/optional/plain')).status).toBe(200);
  });

  it.each(['fresh', 'admin', 'writer', 'strict'])(
    'V17: is a session where it asks something of one: %s',
    async (path) => {
      expect((await scene.get(`/optional/${path}`)).status).toBe(401);
    },
  );

  it.each(['/admins/strict', '/strict-admins/report'])(
    'is what its controller asks, and what it adds: %s',
    async (path) => {
      expect((await scene.get(path)).status).toBe(401);
      expect((await scene.get(path, user)).status).toBe(403);
    },
  );

  it.each(['/extended/own', '/extended/shared'])(
    'is a session at %s, though the class that its controller extends is open',
    async (path) => {
      expect((await scene.get(path)).status).toBe(401);
      expect((await scene.get(path, user)).status).toBe(200);
    },
  );

  it('is nothing where its controller is open', async () => {
    expect((await scene.get('/base/shared')).text).toBe('open');
  });

  it.each(['OPTIONS', 'TRACE', 'HEAD', 'options'])(
    'is the same by %s where the handler takes every method',
    async (method) => {
      const preflight = {
        origin: 'https://app.example.com',
        'access-control-request-method': 'GET',
      };
      for (const headers of [{}, preflight]) {
        const answer = await scene.send(method, '/admins/report', headers);
        expect(answer.status).not.toBe(200);
        expect(answer.text).not.toContain('secret');
      }
    },
  );

  it('is nothing for OPTIONS where a handler is declared for it', async () => {
    expect((await scene.send('OPTIONS', '/admins/report-options')).text).toBe('what it can do');
  });
});

describe.each(platforms)('a preflight on %s', (platform) => {
  it('is answered by CORS, and needs no session', async () => {
    const scene = await Scene.open({
      platform,
      controllers,
      prepare: (app) => app.enableCors({ origin: 'https://app.example.com', credentials: true }),
    });
    const answer = await scene.send('OPTIONS', '/admins/report', {
      origin: 'https://app.example.com',
      'access-control-request-method': 'GET',
    });
    expect(answer.status).toBe(204);
    expect(answer.headers['access-control-allow-origin']).toBe('https://app.example.com');
    await scene.close();
  });
});

@Controller()
class OpenForAdmins {
  @Get('report')
  @PublicAccess()
  @VerifySession({ roles: ['admin'] })
  report(): string {
    return 'secret';
  }
}

@Controller()
class RolesForAnyone {
  @Get('report')
  @VerifySession({ sessionRequired: false, roles: ['admin'] })
  report(): string {
    return 'secret';
  }
}

@Controller()
@VerifySession({ permissions: ['read'] })
class LoginForAnyone {
  @Post('login')
  @CreateSession()
  @VerifySession({ sessionRequired: false })
  login(): string {
    return 'u1';
  }
}

@Controller()
@PublicAccess()
@RequireFresh('5m')
class OpenWhenFresh {
  @Get('report')
  report(): string {
    return 'secret';
  }
}

describe('an application whose decorators contradict each other', () => {
  it.each<[string, Type]>([
    ['OpenForAdmins.report', OpenForAdmins],
    ['RolesForAnyone.report', RolesForAnyone],
    ['LoginForAnyone.login', LoginForAnyone],
    ['OpenWhenFresh.report', OpenWhenFresh],
  ])('does not start, and names %s', async (name, controller) => {
    const start = bootApp({ controllers: [controller] });
    await expect(start).rejects.toThrow(SessionConfigurationError);
    await expect(start).rejects.toThrow(name);
  });
});
