import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CreateSession,
  ForbidImpersonation,
  RequireFresh,
  VerifySession,
} from '../../../lib/index.js';
import { SessionInputException } from '../../../lib/errors/session-input.exception.js';
import { declaredOn } from '../../../lib/http/decorators/verify-session.metadata.js';
import { anyValue, hostileValues, MARKER } from '../../support/hostile-values.js';

/** What a decorator takes, as an attacker of types has it. */
type Decorate = (value: never) => unknown;
type Allowed = (value: unknown) => boolean;

const isFlag: Allowed = (value) => value === undefined || typeof value === 'boolean';
const isBoolean: Allowed = (value) => typeof value === 'boolean';
const isSelector: Allowed = (value) => value === undefined || typeof value === 'function';
const isList: Allowed = (value) =>
  (Array.isArray(value) && value.length === 0) ||
  (Array.isArray(value) &&
    Array.from(value).every((each) => typeof each === 'string' && each !== ''));
const isObject: Allowed = (value) =>
  value === undefined || (typeof value === 'object' && value !== null);
const isDuration: Allowed = (value) =>
  (typeof value === 'number' && value >= 0) || typeof value === 'string';

/** Each option, how a decorator is given it, and what it may be. */
const decorators: readonly [name: string, option: string, decorate: Decorate, allowed: Allowed][] =
  [
    ['@CreateSession', 'options', (value) => CreateSession(value), isObject],
    ['@CreateSession', 'userId', (value) => CreateSession({ userId: value }), isSelector],
    [
      '@CreateSession',
      'tenantId',
      (value) => CreateSession({ tenantId: value }),
      (value) => typeof value === 'function' || typeof value === 'string',
    ],
    [
      '@CreateSession',
      'accessTokenPayload',
      (value) => CreateSession({ accessTokenPayload: value }),
      isSelector,
    ],
    [
      '@CreateSession',
      'sessionDataInDatabase',
      (value) => CreateSession({ sessionDataInDatabase: value }),
      isSelector,
    ],
    [
      '@CreateSession',
      'persistent',
      (value) => CreateSession({ persistent: value }),
      (value) => isSelector(value) || isFlag(value),
    ],
    [
      '@CreateSession',
      'allowCrossSite',
      (value) => CreateSession({ allowCrossSite: value }),
      isFlag,
    ],
    ['@VerifySession', 'options', (value) => VerifySession(value), isObject],
    [
      '@VerifySession',
      'sessionRequired',
      (value) => VerifySession({ sessionRequired: value }),
      isFlag,
    ],
    [
      '@VerifySession',
      'checkDatabase',
      (value) => VerifySession({ checkDatabase: value }),
      isBoolean,
    ],
    ['@VerifySession', 'antiCsrfCheck', (value) => VerifySession({ antiCsrfCheck: value }), isFlag],
    [
      '@VerifySession',
      'overrideGlobalClaimValidators',
      (value) => VerifySession({ overrideGlobalClaimValidators: value }),
      (value) => typeof value === 'function',
    ],
    ['@VerifySession', 'roles', (value) => VerifySession({ roles: value }), isList],
    ['@VerifySession', 'permissions', (value) => VerifySession({ permissions: value }), isList],
    [
      '@VerifySession',
      'roles',
      (value) => VerifySession({ roles: [value] }),
      (value) => isList([value]),
    ],
    ['@RequireFresh', 'RequireFresh', (value) => RequireFresh(value), isDuration],
  ];

describe.each(decorators)('%s: %s', (_name, option, decorate, allowed) => {
  const problemWith = (value: unknown): string | undefined => {
    try {
      decorate(value as never);
    } catch (error) {
      const isOurs = error instanceof SessionInputException || error instanceof TypeError;
      if (!isOurs || inspect(error).includes(MARKER)) return `a raw error: ${inspect(error)}`;
      return error.message.includes(option) ? undefined : `does not name it: ${error.message}`;
    }
    return allowed(value) ? undefined : 'accepted';
  };

  it('is taken, or refused by its name where the handler is declared', () => {
    const problems = Object.entries(hostileValues).flatMap(([label, make]) => {
      const problem = problemWith(make());
      return problem === undefined ? [] : [`${label}: ${problem}`];
    });
    expect(problems).toEqual([]);
    const property = fc.property(anyValue, (value) => {
      expect(problemWith(value)).toBeUndefined();
    });
    fc.assert(property);
  });
});

describe('an option that a decorator does not have', () => {
  it.each<[what: string, decorate: () => unknown, name: string]>([
    ['a role that is one', () => VerifySession({ role: ['admin'] } as object), 'role'],
    ['a slip of the pen', () => VerifySession({ checkDatabse: true } as object), 'checkDatabse'],
    ['of another decorator', () => CreateSession({ roles: [] } as object), 'roles'],
  ])('is refused where the handler is declared: %s', (_, decorate, name) => {
    expect(decorate).toThrow(`options must not have "${name}"; known here: `);
  });
});

describe('an option that is written without a value', () => {
  // As TypeScript has it without `exactOptionalPropertyTypes`.
  const missing = undefined as never;

  it.each<[option: string, decorate: () => unknown]>([
    ['roles', () => VerifySession({ checkDatabase: true, roles: missing })],
    ['kind', () => VerifySession({ kind: missing })],
    ['kind', () => RequireFresh('10m', { kind: missing })],
    ['kind', () => ForbidImpersonation({ kind: missing })],
    ['kind', () => CreateSession({ kind: missing })],
    ['tenantId', () => CreateSession({ tenantId: missing })],
  ])('is refused, because it would ask for nothing: %s', (option, decorate) => {
    expect(decorate).toThrow(
      `${option} is undefined: leave it out, or look for a circular import or a missing variable`,
    );
  });
});

describe('an option whose default is the strictest', () => {
  it.each(['sessionRequired', 'antiCsrfCheck'])(
    'takes an undefined `%s` as one that is left out',
    (name) => {
      class Routes {
        @VerifySession({ [name]: undefined })
        handler(): void {}
      }
      const { handler } = Routes.prototype;
      expect(declaredOn(handler)).toMatchObject({ options: {}, isGuarded: true });
    },
  );
});

describe('what a decorator was given', () => {
  it('can be changed afterwards without any effect', () => {
    const roles = ['admin'];
    const decorate = VerifySession({ roles });
    roles.length = 0;
    class Routes {
      handler(): void {}
    }
    const handler = Object.getOwnPropertyDescriptor(Routes.prototype, 'handler');
    if (handler === undefined) throw new Error('no handler');
    decorate(Routes.prototype, 'handler', handler);
    const kept = Reflect.getMetadataKeys(handler.value as object).map((key): unknown =>
      Reflect.getMetadata(key, handler.value as object),
    );
    expect(kept).toContainEqual({ roles: ['admin'] });
  });
});

describe('@RequireFresh', () => {
  it('refuses a number of seconds that is past all numbers as milliseconds', () => {
    expect(() => RequireFresh(Number.MAX_VALUE)).toThrow(TypeError);
  });
});
