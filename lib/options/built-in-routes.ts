/** Where the built-in routes are unless the application says otherwise. */
export const DEFAULT_API_BASE_PATH = '/auth';

/** The built-in routes, by the names of the option `routes`, with what stands behind `apiBasePath`. */
export const BUILT_IN_ROUTES = {
  refresh: 'session/refresh',
  signOut: 'signout',
  jwks: 'jwt/jwks.json',
  openIdConfiguration: '.well-known/openid-configuration',
  sessionList: 'sessions',
} as const;

export type BuiltInRoute = keyof typeof BUILT_IN_ROUTES;

/** The routes that are only switched on or off. */
export const PLAIN_ROUTES = ['refresh', 'signOut', 'jwks', 'openIdConfiguration'] as const;
