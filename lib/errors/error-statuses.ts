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
  | 'SESSION_REPLACED'
  | 'SESSION_STORE_UNAVAILABLE'
  | 'SESSION_ISSUER_UNAVAILABLE'
  | 'SESSION_STORE_FAILED';

/** The option that sets the status of an error's answer. */
export type StatusOption = 'sessionExpiredStatusCode' | 'invalidClaimStatusCode';

/**
 * The HTTP status of each error, the code that GraphQL clients know for it, and gRPC's status. GraphQL servers find
 * theirs by the HTTP status, which an option may change.
 */
export const ERROR_STATUSES: Readonly<
  Record<SessionErrorCode, { status: number; graphQlCode: string; grpcStatus: number }>
> = {
  UNAUTHORISED: { status: 401, graphQlCode: 'UNAUTHENTICATED', grpcStatus: 16 },
  TRY_REFRESH_TOKEN: { status: 401, graphQlCode: 'UNAUTHENTICATED', grpcStatus: 16 },
  TOKEN_THEFT_DETECTED: { status: 401, graphQlCode: 'UNAUTHENTICATED', grpcStatus: 16 },
  INVALID_CLAIMS: { status: 403, graphQlCode: 'FORBIDDEN', grpcStatus: 7 },
  CROSS_SITE_REQUEST: { status: 403, graphQlCode: 'FORBIDDEN', grpcStatus: 7 },
  SESSION_LIMIT: { status: 403, graphQlCode: 'FORBIDDEN', grpcStatus: 7 },
  SESSION_INPUT: { status: 400, graphQlCode: 'BAD_REQUEST', grpcStatus: 3 },
  TOO_MANY_REQUESTS: { status: 429, graphQlCode: 'TOO_MANY_REQUESTS', grpcStatus: 8 },
  DEVICE_PROOF_REFUSED: { status: 403, graphQlCode: 'FORBIDDEN', grpcStatus: 7 },
  DEVICE_PROOF_MISSING: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE', grpcStatus: 14 },
  SESSION_REPLACED: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE', grpcStatus: 14 },
  SESSION_STORE_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE', grpcStatus: 14 },
  SESSION_ISSUER_UNAVAILABLE: { status: 503, graphQlCode: 'SERVICE_UNAVAILABLE', grpcStatus: 14 },
  SESSION_STORE_FAILED: { status: 500, graphQlCode: 'INTERNAL_SERVER_ERROR', grpcStatus: 13 },
};
