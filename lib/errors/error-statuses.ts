/**
 * The stable codes of session errors, for `switch (error.code)`.
 *
 * @publicApi
 */
export type SessionErrorCode =
  | 'UNAUTHORISED'
  | 'TRY_REFRESH_TOKEN'
  | 'TOKEN_THEFT_DETECTED'
  | 'INVALID_CLAIMS'
  | 'CROSS_SITE_REQUEST'
  | 'SESSION_INPUT'
  | 'SESSION_LIMIT'
  | 'TOO_MANY_REQUESTS'
  | 'DEVICE_PROOF_REFUSED'
  | 'DEVICE_PROOF_MISSING'
  | 'SESSION_STORE_UNAVAILABLE'
  | 'SESSION_ISSUER_UNAVAILABLE'
  | 'SESSION_STORE_FAILED';

/** The option that sets the status of an error's answer. */
export type StatusOption = 'sessionExpiredStatusCode' | 'invalidClaimStatusCode';

/**
 * The HTTP status of each error, and the code that GraphQL clients know for it. GraphQL servers find theirs by status,
 * which an option may change.
 */
export const ERROR_STATUSES: Readonly<
  Record<SessionErrorCode, { status: number; graphQlCode: string }>
> = {
  UNAUTHORISED: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  TRY_REFRESH_TOKEN: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  TOKEN_THEFT_DETECTED: { status: 401, graphQlCode: 'UNAUTHENTICATED' },
  INVALID_CLAIMS: { status: 403, graphQlCode: 'FORBIDDEN' },
  CROSS_SITE_REQUEST: { status: 403, graphQlCode: 'FORBIDDEN' },
  SESSION_LIMIT: { status: 403, graphQlCode: 'FORBIDDEN' },
  SESSION_INPUT: { status: 400, graphQlCode: 'BAD_REQUEST' },
  TOO_MANY_REQUESTS: { status: 429, graphQlCode: 'TOO_MANY_REQUESTS' },
  DEVICE_PROOF_REFUSED: { status: 403, graphQlCode: 'FORBIDDEN' },
  DEVICE_PROOF_MISSING: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_STORE_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_ISSUER_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE' },
  SESSION_STORE_FAILED: { status: 500, graphQlCode: 'INTERNAL_SERVER_ERROR' },
};
