import { types } from 'node:util';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { DEFAULT_API_BASE_PATH, PLAIN_ROUTES } from './built-in-routes.js';
import { isKind, KINDS_ALLOWED } from './kind.js';
import { isFunction, isToken, kindOf, only } from './option-checks.js';
import type { OptionReader } from './option-reader.js';
import { readConfiguration } from './read-configuration.js';
import type { SessionModuleExtras, SessionRoutesOptions } from './session-module-options.js';

const TEN_YEARS_MS = 3650 * 24 * 60 * 60_000;
const FACTORIES = ['useFactory', 'useClass', 'useExisting'] as const;

/** What `forRoot` was given: every property of its own has been read, and none of these throws any more. */
export interface OptionsAndExtras {
  readonly extras: SessionModuleExtras;
  /** All else, which is read at start. */
  readonly options: object;
}

/** @throws {SessionConfigurationError} for what is no options, and naming what is wrong with the extras */
export function separateExtras(written: unknown): OptionsAndExtras {
  return readConfiguration(written, 'its options', (reader) => ({
    extras: readExtras(reader),
    options: reader.others(),
  }));
}

/** What `forRootAsync` was given. */
export interface FactoryAndExtras {
  readonly extras: SessionModuleExtras;
  /** What Nest takes to run the factory. */
  readonly factory: object;
}

/**
 * The same of `forRootAsync`, where no options stand beside the factory.
 *
 * @throws {SessionConfigurationError}
 */
export function separateAsyncExtras(written: unknown): FactoryAndExtras {
  return readConfiguration(written, 'the options of `forRootAsync`', (reader) => {
    const extras = readExtras(reader);
    const factory = Object.entries({
      useFactory: reader.converted('useFactory', asFactory, 'a function'),
      useClass: reader.converted('useClass', only(isFunction), 'a class'),
      useExisting: reader.converted('useExisting', only(isToken), 'the token of a provider'),
      imports: reader.list('imports', isGiven, 'modules'),
      inject: reader.list('inject', isGiven, 'tokens of providers'),
      provideInjectionTokensFrom: reader.list('provideInjectionTokensFrom', isGiven, 'providers'),
    }).filter(([, value]) => value !== undefined);
    if (FACTORIES.every((name) => reader.value(name) === undefined)) {
      reader.problem('useFactory', 'is left out, and so are `useClass` and `useExisting`');
    }
    reader.refuseUnknown();
    return { extras, factory: Object.fromEntries(factory) };
  });
}

function readExtras(reader: OptionReader): SessionModuleExtras {
  const dataSource = reader.string('dataSource', isName, 'the name of a data source');
  const kind = reader.string('kind', isKind, KINDS_ALLOWED);
  const defaultPath =
    kind === undefined ? DEFAULT_API_BASE_PATH : `${DEFAULT_API_BASE_PATH}/${kind}`;
  return {
    ...(kind === undefined ? {} : { kind }),
    isGlobal: reader.boolean('isGlobal', true),
    ...(dataSource === undefined ? {} : { dataSource }),
    apiBasePath: reader.string('apiBasePath', isBasePath, BASE_PATHS_ALLOWED) ?? defaultPath,
    routes: readRoutes(reader),
  };
}

function readRoutes(extras: OptionReader): false | SessionRoutesOptions {
  const reader = extras.nestedOrFalse('routes');
  if (!reader) return false;
  const switches = PLAIN_ROUTES.map((name) => [name, reader.boolean(name, true)] as const);
  const sessionList = readSessionList(reader);
  reader.refuseUnknown();
  return { ...Object.fromEntries(switches), sessionList };
}

function readSessionList(routes: OptionReader): NonNullable<SessionRoutesOptions['sessionList']> {
  const value = routes.valueOr('sessionList', true);
  if (typeof value === 'boolean') return value;
  const reader = routes.nested('sessionList');
  const maxAgeMs = reader.optionalDurationMs('requireFresh', 0, TEN_YEARS_MS);
  reader.refuseUnknown();
  return maxAgeMs === undefined ? true : { requireFresh: maxAgeMs / 1000 };
}

const BASE_PATHS_ALLOWED =
  'a path of up to 255 characters such as /auth: segments of letters, digits and `-._~`, without a host, parameters or wildcards';

// RFC 3986 §2.3: only unreserved characters mean the same to every router.
function isBasePath(text: string): boolean {
  if (text.length > 255 || !/^\/?([\w.~-]+(\/[\w.~-]+)*)?\/?$/.test(text)) return false;
  return text.split('/').every((segment) => segment !== '.' && segment !== '..');
}

function isName(text: string): boolean {
  return text.length > 0;
}

function isGiven(item: unknown): item is object | string | symbol {
  return item !== undefined && item !== null;
}

// What is thrown may be no error, which a start that fails by it could not tell.
function asFactory(value: unknown): ((...injected: unknown[]) => Promise<unknown>) | undefined {
  if (!isFunction(value)) return undefined;
  return async (...injected) => {
    try {
      return await value(...injected);
    } catch (error) {
      if (isError(error)) throw error;
      throw new SessionConfigurationError(
        `SessionModule cannot start: the factory of its options threw ${kindOf(error)}, which is no error`,
      );
    }
  };
}

function isError(error: unknown): boolean {
  try {
    return types.isNativeError(error) || error instanceof Error;
  } catch {
    return false;
  }
}
