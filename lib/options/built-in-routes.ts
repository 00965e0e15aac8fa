/** The default base path of the built-in routes. */
export const DEFAULT_API_BASE_PATH = '/auth';

/** The built-in routes by their names in the option `routes`, with the path below `apiBasePath`. */
export const BUILT_IN_ROUTES = {
  refresh: 'session/refresh',
  bind: 'session/bind',
  signOut: 'signout',
  jwks: 'jwt/jwks.json',
  openIdConfiguration: '.well-known/openid-configuration',
  sessionList: 'sessions',
  revocations: 'revocations',
} as const;

export type BuiltInRoute = keyof typeof BUILT_IN_ROUTES;

/** The routes whose only options are those of every route. */
export const PLAIN_ROUTES = ['refresh', 'bind', 'signOut', 'jwks', 'openIdConfiguration'] as const;
