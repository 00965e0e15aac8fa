import { describe, expect, it } from 'vitest';
import { askedOfSession, type Declared } from '../../../lib/http/routes/asked-of-session.js';
import type { GuardedRouteOptions } from '../../../lib/http/decorators/verify-session.metadata.js';

const nothing: Declared = {
  options: {},
  maxAgeMs: undefined,
  forbidsImpersonation: false,
  isGuarded: false,
  isPublic: false,
};
const own: Declared = { ...nothing, forbidsImpersonation: true, isGuarded: true };
const open: Declared = { ...nothing, isPublic: true };
const fresh: Declared = { ...nothing, maxAgeMs: 5000, isGuarded: true };
const verify = (options: GuardedRouteOptions = {}): Declared => ({
  ...nothing,
  options,
  isGuarded: true,
});
const optional = verify({ sessionRequired: false });
const admin = verify({ roles: ['admin'] });

const guarded = (
  options: GuardedRouteOptions = {},
  maxAgeMs?: number,
  forbidsImpersonation = false,
) => ({ kind: 'guarded', options, maxAgeMs, forbidsImpersonation });
const OPEN = { kind: 'open' };
const anyone = { sessionRequired: false };

describe('what a handler asks of a session', () => {
  it.each([
    // handler, its class and those it extends, what comes of it
    ['nothing is said', nothing, [nothing], guarded()],
    ['the handler is guarded', verify(), [nothing], guarded()],
    ['the class is guarded', nothing, [admin], guarded({ roles: ['admin'] })],
    ['the handler is open', open, [admin], OPEN],
    ['the class is open', nothing, [open], OPEN],
    ['a handler of an open class is guarded', admin, [open], guarded({ roles: ['admin'] })],
    ['the handler is fresh in an open class', fresh, [open], guarded({}, 5000)],
    ['the class forbids actors', admin, [own], guarded({ roles: ['admin'] }, undefined, true)],
    ['the class is optional, and forbids actors', own, [optional], guarded({}, undefined, true)],
    ['the class is optional', nothing, [optional], guarded(anyone)],
    ['the class is optional, the handler guarded', verify(), [optional], guarded()],
    ['the class is optional, the handler fresh', fresh, [optional], guarded({}, 5000)],
    [
      'the class is optional, the handler has roles',
      admin,
      [optional],
      guarded({ roles: ['admin'] }),
    ],
    [
      'the class is optional, the handler asks the database',
      verify({ checkDatabase: true }),
      [optional],
      guarded({ checkDatabase: true }),
    ],
    [
      'the handler is optional and asks the database',
      verify({ checkDatabase: true, ...anyone }),
      [nothing],
      guarded({ checkDatabase: true, ...anyone }),
    ],
    ['the handler is optional in a guarded class', optional, [verify()], guarded(anyone)],
    [
      'the class has roles, the handler asks the database',
      verify({ checkDatabase: true }),
      [admin],
      guarded({ roles: ['admin'], checkDatabase: true }),
    ],
    [
      'the class has roles, the handler others',
      verify({ roles: ['editor'] }),
      [admin],
      guarded({ roles: ['editor'] }),
    ],
    [
      'the class has roles, and the handler none, for anyone',
      verify({ roles: [], ...anyone }),
      [admin],
      guarded({ roles: [], ...anyone }),
    ],
    [
      'the class is fresh, the handler has roles',
      admin,
      [fresh],
      guarded({ roles: ['admin'] }, 5000),
    ],
    [
      'a class extends one with roles',
      nothing,
      [verify({ checkDatabase: true }), admin],
      guarded({ roles: ['admin'], checkDatabase: true }),
    ],
    ['a class extends an open one', nothing, [nothing, open], guarded()],
    ['a guarded class extends an open one', nothing, [verify(), open], guarded()],
    ['an open class extends one with roles', nothing, [open, admin], OPEN],
    [
      'a handler is guarded in an open class that extends one with roles',
      verify(),
      [open, admin],
      guarded(),
    ],
    [
      'an open handler is for anyone, in a class with roles',
      { ...optional, isPublic: true },
      [admin],
      guarded(anyone),
    ],
  ])('where %s', (_, handler, classes, expected) => {
    expect(askedOfSession({ handler, classes, isLogin: false })).toEqual(expected);
  });

  it.each([
    ['by itself', nothing, [nothing], OPEN],
    ['in an open class', nothing, [open], OPEN],
    ['of a class that extends an open one', nothing, [nothing, open], OPEN],
    ['in a guarded class', nothing, [admin], guarded({ roles: ['admin'] })],
    ['that is guarded', verify(), [nothing], guarded()],
    ['that is opened in a guarded class', open, [admin], OPEN],
  ])('is known for a login %s', (_, handler, classes, expected) => {
    expect(askedOfSession({ handler, classes, isLogin: true })).toEqual(expected);
  });

  it.each([
    ['an open handler with roles', { ...admin, isPublic: true }, [nothing]],
    ['an open handler that is guarded', { ...verify(), isPublic: true }, [nothing]],
    ['an open handler that is fresh', { ...fresh, isPublic: true }, [nothing]],
    ['an open class with roles', nothing, [{ ...admin, isPublic: true }]],
    ['roles for anyone', verify({ roles: ['admin'], ...anyone }), [nothing]],
    ['permissions for anyone', verify({ permissions: ['read'], ...anyone }), [nothing]],
    ['a fresh login for anyone', { ...optional, maxAgeMs: 5000 }, [nothing]],
    ['a handler for anyone, of a class with roles', optional, [admin]],
    ['a handler for anyone, of a class that is fresh', optional, [fresh]],
  ])('is a contradiction: %s', (_, handler, classes) => {
    expect(askedOfSession({ handler, classes, isLogin: false }).kind).toBe('contradiction');
  });
});
