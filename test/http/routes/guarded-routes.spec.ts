import type { ExecutionContext, Type } from '@nestjs/common';
import { applyDecorators, Controller, Delete, Get, Post, UseGuards } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { describe, expect, it, vi } from 'vitest';
import { GuardedRoutes } from '../../../lib/http/routes/guarded-routes.js';
import { RefreshRoute } from '../../../lib/http/routes/refresh-route.js';
import { CreateSession, PublicAccess, RequireFresh, VerifySession } from '../../../lib/index.js';
import { SessionInputException } from '../../../lib/errors/session-input.exception.js';
import { RegisteredClaims } from '../../../lib/session/edit/registered-claims.js';
import { loginAs } from '../../support/login.controller.js';

const AdminOnly = () => applyDecorators(VerifySession({ roles: ['admin'] }));

/** A guard that knows no sessions. */
class Throttled {
  canActivate(): boolean {
    return true;
  }
}

abstract class Shared {
  @Get('shared')
  shared() {
    return 'shared';
  }
}

@Controller('guarded')
@VerifySession({ checkDatabase: true })
class Guarded extends Shared {
  @Get()
  plain() {
    return 'plain';
  }

  @Get('own')
  @VerifySession({ antiCsrfCheck: false, roles: ['admin'] })
  own() {
    return 'own';
  }

  @Get('open')
  @PublicAccess()
  open() {
    return 'open';
  }
}

@Controller('auth')
@PublicAccess()
class Open extends Shared {
  @Post('session/refresh')
  @VerifySession()
  refresh() {
    return 'refresh';
  }
}

@Controller()
class Undecorated extends loginAs('user') {
  @Get()
  plain() {
    return 'plain';
  }
}

@Controller('stacked')
@AdminOnly()
@VerifySession({ antiCsrfCheck: true })
class Stacked {
  @Delete()
  @VerifySession({ checkDatabase: true, roles: ['owner'] })
  @RequireFresh('10m')
  @VerifySession({ permissions: ['delete'], roles: ['owner'] })
  @RequireFresh(600)
  remove(): void {}
}

@AdminOnly()
class AdminsOnly extends Shared {}

@Controller('limited')
@VerifySession({ sessionRequired: false })
class Optional extends Shared {}

@Controller('limited')
@UseGuards(Throttled)
class OptionalAndThrottled extends Optional {}

@Controller('limited')
@PublicAccess()
class OpenAndThrottled extends OptionalAndThrottled {}

function contextOf(controller: Type, handler: string): ExecutionContext {
  const prototype = controller.prototype as Record<string, () => unknown>;
  return new ExecutionContextHost([], controller, prototype[handler]);
}

function newRoutes(): GuardedRoutes {
  return new GuardedRoutes(new RefreshRoute('/auth'), new RegisteredClaims());
}

describe('what decorators ask of a request', () => {
  it('is what the controller says where the handler says nothing', () => {
    expect(newRoutes().of(contextOf(Guarded, 'plain'))?.options).toEqual({ checkDatabase: true });
  });

  it('is what both say, with a validator for the roles', () => {
    const route = newRoutes().of(contextOf(Guarded, 'own'));
    expect(route?.options).toEqual({
      checkDatabase: true,
      antiCsrfCheck: false,
      roles: ['admin'],
    });
    expect(route?.asked.overrideGlobalClaimValidators).toBeTypeOf('function');
  });

  it.each([
    ['a handler with @PublicAccess in a guarded controller', Guarded, 'open'],
    ['a handler in a controller with @PublicAccess', Open, 'shared'],
    ['a login without @VerifySession', Undecorated, 'login'],
  ])('is nothing for %s', (_, controller, handler) => {
    expect(newRoutes().of(contextOf(controller, handler))).toBeUndefined();
  });

  it('is a session, and no more, where nothing is said', () => {
    const route = newRoutes().of(contextOf(Undecorated, 'plain'));
    expect(route).toEqual({
      options: {},
      maxAgeMs: undefined,
      asked: {},
      isDeclared: false,
      isRefresh: false,
      isPreflight: false,
    });
  });

  it('is a refresh at the path that refreshes', () => {
    expect(newRoutes().of(contextOf(Open, 'refresh'))?.isRefresh).toBe(true);
  });

  it('differs between controllers that share a handler', () => {
    const routes = newRoutes();
    expect(routes.of(contextOf(Guarded, 'shared'))?.options).toEqual({ checkDatabase: true });
    expect(routes.of(contextOf(Open, 'shared'))).toBeUndefined();
    expect(routes.of(contextOf(Guarded, 'shared'))?.options).toEqual({ checkDatabase: true });
  });

  it('asks for all that two decorators on one handler ask for, and is refused where they differ', () => {
    const route = newRoutes().of(contextOf(Stacked, 'remove'));
    expect(route?.options).toEqual({
      antiCsrfCheck: true,
      checkDatabase: true,
      permissions: ['delete'],
      roles: ['owner'],
    });
    expect(route?.maxAgeMs).toBe(600_000);
    const differing: [string, MethodDecorator, MethodDecorator][] = [
      ['roles', VerifySession({ roles: ['admin'] }), VerifySession({ roles: { any: ['admin'] } })],
      ['kind', VerifySession({ kind: 'staff' }), VerifySession({ kind: 'agents' })],
      ['sessionRequired', VerifySession({ sessionRequired: false }), AdminOnly()],
      ['maxAge', RequireFresh('10m'), RequireFresh('11m')],
      ['options', CreateSession(), CreateSession({ persistent: true })],
    ];
    for (const [option, below, above] of differing) {
      class Routes {
        handler(): void {}
      }
      const decorated = Object.getOwnPropertyDescriptor(Routes.prototype, 'handler');
      const decorate = (by: MethodDecorator) =>
        by(Routes.prototype, 'handler', decorated as PropertyDescriptor);
      decorate(below);
      expect.soft(() => decorate(above)).toThrow(SessionInputException);
      expect.soft(() => decorate(above)).toThrow(new RegExp(`^${option} .*Routes.handler`));
    }
    expect(() => VerifySession({ roles: [] })(AdminsOnly)).toThrow(/^roles .*AdminsOnly/);
  });

  it('a guard of another kind on a class changes nothing of what it takes from the class it extends', () => {
    const optional = { sessionRequired: false };
    expect(newRoutes().of(contextOf(Optional, 'shared'))?.options).toEqual(optional);
    expect(newRoutes().of(contextOf(OptionalAndThrottled, 'shared'))?.options).toEqual(optional);
    expect(newRoutes().of(contextOf(OpenAndThrottled, 'shared'))).toBeUndefined();
  });

  it.each([
    ['a guarded handler', Guarded, 'own'],
    ['an open handler', Guarded, 'open'],
  ])('is read once for %s, and is the same each time', (_, controller, handler) => {
    const read = vi.spyOn(Reflect, 'getOwnMetadata');
    const routes = newRoutes();
    const first = routes.of(contextOf(controller, handler));
    const reads = read.mock.calls.length;
    expect(routes.of(contextOf(controller, handler))).toBe(first);
    expect(read).toHaveBeenCalledTimes(reads);
    expect(reads).toBeGreaterThan(0);
    read.mockRestore();
  });
});
