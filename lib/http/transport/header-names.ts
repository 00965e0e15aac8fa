/** The headers of SuperTokens' wire protocol, which are hard-coded in its browser SDK. */
export const ACCESS_TOKEN_HEADER = 'st-access-token';
export const REFRESH_TOKEN_HEADER = 'st-refresh-token';
export const FRONT_TOKEN_HEADER = 'front-token';
export const ANTI_CSRF_HEADER = 'anti-csrf';
export const AUTH_MODE_HEADER = 'st-auth-mode';
export const RID_HEADER = 'rid';
export const FDI_VERSION_HEADER = 'fdi-version';
