export { SessionModule } from './session.module.js';
export { SessionService } from './session.service.js';

export { CreateSession } from './http/decorators/create-session.decorator.js';
export { InjectSessions } from './http/decorators/inject-sessions.decorator.js';
export type {
  CreateSessionOptions,
  SessionSelector,
} from './http/decorators/create-session.metadata.js';
export { CurrentSession } from './http/decorators/current-session.decorator.js';
export { RequireFresh } from './http/decorators/require-fresh.decorator.js';
export { PublicAccess } from './http/decorators/public-access.decorator.js';
export { VerifySession } from './http/decorators/verify-session.decorator.js';
export type { GuardedRouteOptions } from './http/decorators/verify-session.metadata.js';
export type { VerifySessionOptions } from './http/request-verification.js';
export { CreateSessionInterceptor } from './http/create-session.interceptor.js';
export { sessionLogRedaction } from './http/transport/log-redaction.js';
export { SessionGuard } from './http/session.guard.js';
export { SessionFunctions, type RevokeOptions } from './session/session-functions.js';

export { SessionContainer, type AllSessionTokens } from './session/container/session-container.js';
export type {
  ClaimValidatorsOverride,
  SessionDoesNotExist,
} from './session/edit/claims-by-handle.js';
export type { SessionEndReason } from './session/end/revocation-rows.js';
export type { SessionEnd, SessionExplanation, SessionSummary } from './session/session-overview.js';
export { SessionHealth, type SessionHealthReport } from './session/session-health.js';
export type { SessionInformation } from './session/verify/session-directory.js';
export type { JsonObject } from './session/input/json-object.js';
export type { JsonWebKeyRecord } from './keys/public-jwk.js';
export type { OpenIdConfiguration } from './keys/openid-configuration.js';

export type { RefusalReason } from './errors/refusal-reason.js';
export { SessionEventBus, type SessionEventListener } from './events/session-event-bus.js';
export type { RevocationReason, SessionEventName, SessionEvents } from './events/session-events.js';

export type { AccessTokenPayload, PayloadUpdate } from './claims/access-token-payload.js';
export { BooleanClaim, type BooleanClaimValidators } from './claims/boolean-claim.js';
export {
  EmailVerificationClaim,
  type EmailVerificationClaimValidators,
} from './claims/email-verification.claim.js';
export type { JsonPrimitive } from './claims/json-primitive.js';
export { PermissionClaim } from './claims/permission.claim.js';
export {
  PrimitiveArrayClaim,
  type PrimitiveArrayClaimValidators,
} from './claims/primitive-array-claim.js';
export { PrimitiveClaim, type PrimitiveClaimValidators } from './claims/primitive-claim.js';
export type {
  ClaimValidationContext,
  ClaimValidationError,
  ClaimValidationResult,
  SessionClaimValidator,
} from './claims/session-claim-validator.js';
export {
  SessionClaim,
  type ClaimSubject,
  type FetchClaimValue,
  type SessionClaimOptions,
} from './claims/session-claim.js';
export { UserRoleClaim } from './claims/user-role.claim.js';

export type {
  AntiCsrfMode,
  ClaimOrToken,
  ClaimToken,
  SessionLimitOptions,
  ValidatorOrToken,
  SessionCookieOptions,
  SessionDeviceOptions,
  SessionModuleExtras,
  SessionModuleOptions,
  SessionOptionsFactory,
  SessionRoutesOptions,
  SessionSigningOptions,
  TokenTransferMethod,
  TokenTransferMethodChooser,
} from './options/session-module-options.js';

export type {
  RateLimit,
  RateLimitCounter,
  SessionRateLimitOptions,
} from './options/rate-limit-options.js';

export { Session } from './store/session.entity.js';
export { SessionSigningKey } from './store/signing-key.entity.js';
export { SessionRevocation } from './store/session-revocation.entity.js';
export { sessionEntities } from './store/entities.js';

export { Clock } from './time/clock.js';
export type { Duration } from './time/duration.js';

export { CrossSiteRequestException } from './errors/cross-site-request.exception.js';
export { InvalidClaimsException } from './errors/invalid-claims.exception.js';
export { SessionConfigurationError } from './errors/session-configuration.error.js';
export { SessionException, type SessionErrorCode } from './errors/session.exception.js';
export { SessionLimitException } from './errors/session-limit.exception.js';
export { SessionInputException } from './errors/session-input.exception.js';
export { SessionStoreFailureException } from './errors/session-store-failure.exception.js';
export { SessionStoreUnavailableException } from './errors/session-store-unavailable.exception.js';
export { TokenTheftDetectedException } from './errors/token-theft-detected.exception.js';
export { TooManyRequestsException } from './errors/too-many-requests.exception.js';
export { TryRefreshTokenException } from './errors/try-refresh-token.exception.js';
export { UnauthorizedSessionException } from './errors/unauthorized-session.exception.js';
