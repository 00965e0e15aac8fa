import { inspect } from 'node:util';
import { Test } from '@nestjs/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionConfigurationError, SessionModule } from '../../lib/index.js';
import { SessionVerifierModule } from '../../lib/verifier/index.js';
import { separateExtras } from '../../lib/options/module-extras.js';
import { resolveSessionOptions } from '../../lib/options/resolve-options.js';
import { anyValue, hostileValues, MARKER } from '../support/hostile-values.js';
import { ISSUER } from '../support/verifier-app.js';

const methods = {
  forRoot: (given: unknown) => SessionModule.forRoot(given as never),
  forRootAsync: (given: unknown) => SessionModule.forRootAsync(given as never),
};
const beside = { forRoot: {}, forRootAsync: { useFactory: () => ({}) } };

/** What a set-up is refused with, and `undefined` where it is none; any other error goes on to the test. */
function refusalOf(method: keyof typeof methods, given: unknown): string | undefined {
  try {
    methods[method](given);
    return undefined;
  } catch (error) {
    if (!(error instanceof SessionConfigurationError)) throw error;
    if (inspect(error).includes(MARKER)) throw new Error('it tells of the value', { cause: error });
    return error.message;
  }
}

function placed(path: string, value: unknown): Record<string, unknown> {
  const [last = '', ...outer] = path.split('.').toReversed();
  const inner: Record<string, unknown> = { [last]: value };
  return outer.reduce((all, name): Record<string, unknown> => ({ [name]: all }), inner);
}

const EXTRAS = [
  'kind',
  'isGlobal',
  'dataSource',
  'apiBasePath',
  'routes',
  'routes.refresh',
  'routes.signOut',
  'routes.jwks',
  'routes.openIdConfiguration',
  'routes.sessionList',
  'routes.sessionList.requireFresh',
];
const NEST = ['useFactory', 'useClass', 'useExisting', 'imports', 'inject'];
const cases = [
  ...EXTRAS.map((path) => ['forRoot', path] as const),
  ...[...EXTRAS, ...NEST].map((path) => ['forRootAsync', path] as const),
];

describe.each(cases)('%s', (method, path) => {
  it(`takes any value as ${path}, or refuses it by its name`, () => {
    const check = (value: unknown): void => {
      const refusal = refusalOf(method, { ...beside[method], ...placed(path, value) });
      expect(refusal ?? `\`${path}`).toContain(`\`${path}`);
    };
    for (const make of Object.values(hostileValues)) check(make());
    fc.assert(fc.property(anyValue, check), { numRuns: 30 });
  });
});

describe.each(['forRoot', 'forRootAsync'] as const)(
  '%s, of something else than options,',
  (method) => {
    it('refuses it, or takes it as what it holds', () => {
      for (const make of Object.values(hostileValues)) refusalOf(method, make());
      fc.assert(fc.property(anyValue, (value) => void refusalOf(method, value)));
    });

    it.each([
      ['null', null, 'must be an object; got null'],
      ['a text', 'x', 'must be an object; got a string'],
      ['a list', [], 'must be an object; got an array'],
      ['a promise that nobody has waited for', Promise.resolve({}), 'must be a plain object'],
      [
        'a proxy that throws',
        new Proxy({}, { ownKeys: () => expect.unreachable() }),
        'cannot be read: something in them throws',
      ],
    ])('refuses %s, which must not mean the defaults', (_, given, problem) => {
      expect(refusalOf(method, given)).toContain(problem);
    });
  },
);

/** As an application may hold its configuration. */
class Settings {
  readonly #domain: string = 'accounts.example.com';
  persistent = true;

  get issuer(): string {
    return `https://${this.#domain}`;
  }

  get apiBasePath(): string {
    return '/api/auth';
  }

  // Neither is an option, and nobody's slip.
  get isProduction(): boolean {
    throw new Error('not known yet');
  }

  describe(): string {
    return this.#domain;
  }
}

class OwnSettings extends Settings {
  override persistent = false;
}

const holders: readonly [what: string, hold: () => Promise<object> | object][] = [
  ['an instance of a class with getters', () => new OwnSettings()],
  ['what a module exports', () => import('../support/exported-options.js')],
  [
    'an object that goes back to another one',
    () => Object.create({ issuer: 'https://accounts.example.com', persistent: false }) as object,
  ],
  [
    'frozen',
    () => Object.freeze({ issuer: 'https://accounts.example.com', persistent: false } as const),
  ],
  [
    'without a prototype',
    () =>
      Object.assign(Object.create(null) as object, {
        issuer: 'https://accounts.example.com',
        persistent: false,
      }),
  ],
];

describe.each(holders)('options that are %s', (_, hold) => {
  it.each<[by: string, read: (written: object) => object]>([
    ['forRoot', (written) => separateExtras(written).options],
    ['a factory', (written) => written],
  ])('are read by %s', async (_by, read) => {
    const options = resolveSessionOptions(read(await hold()), { production: false });
    expect(options).toMatchObject({ issuer: 'https://accounts.example.com', persistent: false });
  });
});

describe('what stands beside the options', () => {
  it('is read where it is a getter of a class', () => {
    expect(separateExtras(new Settings()).extras.apiBasePath).toBe('/api/auth');
  });

  it.each<[path: string, value: unknown]>([
    ['isGlobal', 'false'],
    ['dataSource', ''],
    ['dataSource', { name: 'accounts' }],
    ['apiBasePath', '/auth?x=1'],
    ['apiBasePath', '/a b'],
    ['apiBasePath', 'https://api.example.com/auth#x'],
    ['apiBasePath', 'https://example.com/auth'],
    ['apiBasePath', '/auth/:tenant'],
    ['apiBasePath', '/auth*'],
    ['apiBasePath', '/auth/*path'],
    ['apiBasePath', '/{auth}'],
    ['apiBasePath', '/(auth)'],
    ['apiBasePath', '/au%74h'],
    ['apiBasePath', '//'],
    ['apiBasePath', '//auth'],
    ['apiBasePath', '/auth//session'],
    ['apiBasePath', '/auth/../admin'],
    ['apiBasePath', '/über'],
    ['routes', true],
    ['routes.refresh', 'false'],
    ['routes.refesh', false],
    ['routes.sessionList', 'false'],
    ['routes.sessionList.requireFresh', '10'],
    ['routes.sessionList.requireFesh', '10m'],
  ])('stops the set-up by its name where it is wrong: %s %j', (path, value) => {
    for (const method of ['forRoot', 'forRootAsync'] as const) {
      const refusal = refusalOf(method, { ...beside[method], ...placed(path, value) });
      expect(refusal).toContain(`\`${path}\``);
    }
  });

  it('says of a secret of the feed that is too short how long it must be', () => {
    const secret = 'abcdefghijklmnopqrstuvwxyz01234';
    const withSecret = (text: string) =>
      refusalOf('forRoot', { routes: { revocations: { secrets: [text] } } });
    expect(withSecret(secret)).toContain('each of 32 to 512 random characters of base64 or hex');
    expect(withSecret(`${secret}5`)).toBeUndefined();
  });

  it.each<[what: string, given: object, problem: string]>([
    ['no factory', {}, '`useFactory` is missing, and so are `useClass` and `useExisting`'],
    ['an option', { useFactory: () => ({}), persistent: false }, 'Unknown option `persistent`'],
    [
      'a factory that is none',
      { useFactory: {} },
      '`useFactory` must be a function; got an object',
    ],
  ])('of forRootAsync is refused where it is %s', (_, given, problem) => {
    expect(refusalOf('forRootAsync', given)).toContain(problem);
  });
});

describe('what stands beside the factory of a service without a database', () => {
  it.each<[what: string, given: object, problem: string]>([
    [
      'no factory',
      { isGlobal: true },
      '`useFactory` is missing, and so are `useClass` and `useExisting`',
    ],
    [
      'a factory whose name is misspelt',
      { useFactry: () => ({ issuer: ISSUER }) },
      'Unknown option `useFactry`',
    ],
    [
      'a factory that is none',
      { useFactory: 'x' },
      '`useFactory` must be a function; got a string',
    ],
    [
      'an option',
      { useFactory: () => ({ issuer: ISSUER }), cookies: true },
      'Unknown option `cookies`',
    ],
  ])('is refused where it is %s', (_, given, problem) => {
    const start = (): unknown => SessionVerifierModule.forRootAsync(given);
    expect(start).toThrow(SessionConfigurationError);
    expect(start).toThrow(problem);
    expect(start).toThrow('SessionVerifierModule cannot start');
  });

  it('stops the start by the name of the module where the factory throws a text', async () => {
    const useFactory = (): never => {
      // eslint-disable-next-line typescript/only-throw-error
      throw 'no such setting';
    };
    const imports = [SessionVerifierModule.forRootAsync({ useFactory })];
    await expect(Test.createTestingModule({ imports }).compile()).rejects.toThrow(
      'SessionVerifierModule cannot start: the factory of its options threw a string instead of an error',
    );
  });
});
