import { readFactory } from './async-factory.js';
import { DEFAULT_API_BASE_PATH, PLAIN_ROUTES, type BuiltInRoute } from './built-in-routes.js';
import { isKind, KINDS_ALLOWED } from './kind.js';
import { isFunction } from './option-checks.js';
import type { OptionReader } from './option-reader.js';
import { readFeedRoute } from './feed-secrets.js';
import { readConfiguration } from './read-configuration.js';
import type {
  SessionModuleExtras,
  SessionRouteOptions,
  SessionRoutesOptions,
} from './session-module-options.js';
import { TEN_YEARS_MS } from '../time/units.js';

/** The arguments of `forRoot`. Every own property has been read, so none of these throws any more. */
export interface OptionsAndExtras {
  readonly extras: SessionModuleExtras;
  /** All other options, which are read at start. */
  readonly options: object;
}

/** @throws {SessionConfigurationError} if `written` is not an options object, or names what is wrong with the extras */
export function separateExtras(written: unknown): OptionsAndExtras {
  return readConfiguration(written, 'its options', (reader) => ({
    extras: readExtras(reader),
    options: reader.others(),
  }));
}

/** The arguments of `forRootAsync`. */
export interface FactoryAndExtras {
  readonly extras: SessionModuleExtras;
  /** The properties that Nest uses to run the factory. */
  readonly factory: object;
}

/**
 * The same for `forRootAsync`, whose options come only from the factory.
 *
 * @throws {SessionConfigurationError}
 */
export function separateAsyncExtras(written: unknown): FactoryAndExtras {
  return readConfiguration(written, 'the options of `forRootAsync`', (reader) => {
    const extras = readExtras(reader);
    return { extras, factory: readFactory(reader, 'SessionModule') };
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
  const plain = PLAIN_ROUTES.map((name) => [name, readRoute(reader, name, () => ({}))] as const);
  const sessionList = readRoute(reader, 'sessionList', (list) => {
    const maxAgeMs = list.optionalDurationMs('requireFresh', 0, TEN_YEARS_MS);
    return maxAgeMs === undefined ? {} : { requireFresh: maxAgeMs / 1000 };
  });
  const revocations = readFeedRoute(reader, 'revocations');
  reader.refuseUnknown();
  return { ...Object.fromEntries(plain), sessionList, revocations };
}

function readRoute<More extends object>(
  routes: OptionReader,
  name: BuiltInRoute,
  readMore: (route: OptionReader) => More,
): boolean | (SessionRouteOptions & More) {
  const value = routes.valueOr(name, true);
  if (typeof value === 'boolean') return value;
  const reader = routes.nested(name);
  const decorators = reader.list('decorators', isFunction, 'decorators') as
    readonly MethodDecorator[] | undefined;
  const more = readMore(reader);
  reader.refuseUnknown();
  return { ...(decorators === undefined ? {} : { decorators }), ...more };
}

const BASE_PATHS_ALLOWED =
  'a path of up to 255 characters such as /auth: segments of letters, digits and `-._~`, without a host, parameters or wildcards';

// RFC 3986 §2.3: only unreserved characters mean the same to every router.
function isBasePath(text: string): boolean {
  if (text.length > 255 || !/^\/?([\w.~-]+(\/[\w.~-]+)*\/?)?$/.test(text)) return false;
  return text.split('/').every((segment) => segment !== '.' && segment !== '..');
}

function isName(text: string): boolean {
  return text.length > 0;
}
