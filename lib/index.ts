export { SessionModule } from './session.module.js';
export { SessionService } from './session.service.js';

export { CreateSession } from './http/decorators/create-session.decorator.js';
export { ForbidImpersonation } from './http/decorators/forbid-impersonation.decorator.js';
export type { ImpersonateOptions } from './http/login/impersonation-options.js';
export { getSessionsToken, InjectSessions } from './http/decorators/inject-sessions.decorator.js';
export type {
  CreateSessionOptions,
  SessionSelector,
} from './http/decorators/create-session.metadata.js';
export { CurrentSession } from './http/decorators/current-session.decorator.js';
export { RequireFresh } from './http/decorators/require-fresh.decorator.js';
export { PublicAccess } from './http/decorators/public-access.decorator.js';
export { VerifySession } from './http/decorators/verify-session.decorator.js';
export type { GuardedRouteOptions } from './http/decorators/verify-session.metadata.js';
export type { VerifySessionOptions } from './http/verify/verify-session-options.js';
export { CreateSessionInterceptor } from './http/login/create-session.interceptor.js';
export { sessionLogRedaction } from './http/transport/log-redaction.js';
export { currentSession, sessionOf } from './http/session-of-request.js';
export { SessionGuard } from './http/verify/session.guard.js';
export { SessionFunctions, type RevokeOptions } from './session/session-functions.js';

export {
  ReadonlySession,
  type SessionActorIdentity,
} from './session/container/readonly-session.js';
export { SessionContainer, type AllSessionTokens } from './session/container/session-container.js';
export type { SessionDoesNotExist } from './session/edit/claims-by-handle.js';
export type { SessionCounter } from './session/session-counters.js';
export type {
  ActorSummary,
  SessionEnd,
  SessionExplanation,
  SessionSummary,
} from './session/session-overview.js';
export { SessionHealth, type SessionHealthReport } from './session/session-health.js';
export type { SessionMetricName } from './session/session-metric-names.js';
export type { StatementTiming } from './store/statement-timing.js';
export type { SessionInformation } from './session/verify/session-directory.js';
export type { JsonObject } from './session/input/json-object.js';
export type { SessionPage } from './session/input/session-page.js';
export type { JsonWebKeyRecord } from './keys/public-jwk.js';
export type { OpenIdConfiguration } from './keys/openid-configuration.js';

export { inspectSessions, type Finding } from './inspection/inspect-sessions.js';
export type { FindingCode } from './errors/flaw.js';
export { allowSocketIo } from './live/allow-socket-io.js';
export type { ApplicationOrLater, ProviderSource } from './live/application.js';
export type { SocketEntranceOptions } from './live/entrance-options.js';
export type { MercuriusSubscriptions } from './live/mercurius-subscriptions.js';
export {
  sessionSubscriptions,
  type GraphqlWsSubscriptions,
  type SessionSubscriptionsOptions,
} from './live/session-subscriptions.js';
export { verifyWsClient } from './live/verify-ws-client.js';
export type { LiveEnd, LiveEndReason } from './verification/session-ends.js';

export type { RefusalReason } from './errors/refusal-reason.js';
export { SessionEventBus, type SessionEventListener } from './events/session-event-bus.js';
export type { RevocationReason, SessionEndReason } from './events/end-reason.js';
export type {
  Impersonation,
  RefusedAt,
  SessionEventName,
  SessionEvents,
} from './events/session-events.js';

export type {
  AccessTokenPayload,
  PayloadUpdate,
  ReservedClaims,
} from './claims/access-token-payload.js';
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
export type { ClaimValidatorsOverride } from './claims/claim-validators-override.js';
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
export type { WantedNames } from './claims/wanted-names.js';
export { UserRoleClaim } from './claims/user-role.claim.js';

export type { SessionCookieOptions } from './options/cookie-options.js';
export type { SessionDeviceBindingOptions } from './options/device-binding-options.js';

export type { SessionPruningOptions } from './options/pruning-options.js';
export type { SessionStatusCodeOptions } from './options/status-code-options.js';

export type {
  AntiCsrfMode,
  ClaimOrToken,
  ClaimToken,
  SessionLimitOptions,
  ValidatorOrToken,
  SessionDeviceOptions,
  SessionModuleExtras,
  SessionModuleOptions,
  SessionOptionsFactory,
  SessionRouteOptions,
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
export type { SigningAlgorithm } from './tokens/jwt.js';

export { CrossSiteRequestException } from './errors/cross-site-request.exception.js';
export { DeviceProofMissingException } from './errors/device-proof-missing.exception.js';
export { SessionReplacedException } from './errors/session-replaced.exception.js';
export {
  DeviceProofRefusedException,
  type DeviceProofRefusal,
} from './errors/device-proof-refused.exception.js';
export { InvalidClaimsException } from './errors/invalid-claims.exception.js';
export { SessionConfigurationError } from './errors/session-configuration.error.js';
export { SessionEndedException } from './errors/session-ended.exception.js';
export { SessionException } from './errors/session.exception.js';
export type { SessionErrorCode } from './errors/error-statuses.js';
export { SessionIssuerUnavailableException } from './errors/session-issuer-unavailable.exception.js';
export { SessionLimitException } from './errors/session-limit.exception.js';
export { SessionInputException } from './errors/session-input.exception.js';
export { SessionStoreFailureException } from './errors/session-store-failure.exception.js';
export { SessionStoreUnavailableException } from './errors/session-store-unavailable.exception.js';
export { TokenTheftDetectedException } from './errors/token-theft-detected.exception.js';
export { TooManyRequestsException } from './errors/too-many-requests.exception.js';
export { TryRefreshTokenException } from './errors/try-refresh-token.exception.js';
export { UnauthorizedSessionException } from './errors/unauthorized-session.exception.js';
