/** The headers of SuperTokens' wire protocol, which are hard-coded in its browser SDK. */
export const ACCESS_TOKEN_HEADER = 'st-access-token';
export const REFRESH_TOKEN_HEADER = 'st-refresh-token';
export const FRONT_TOKEN_HEADER = 'front-token';
export const ANTI_CSRF_HEADER = 'anti-csrf';
export const AUTH_MODE_HEADER = 'st-auth-mode';
export const RID_HEADER = 'rid';
/** A page server's: the browser has not got this access token yet. */
export const UNSEEN_SESSION_HEADER = 'unseen-session';
export const FDI_VERSION_HEADER = 'fdi-version';
