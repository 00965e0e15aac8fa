export { SessionVerifierModule } from './session-verifier.module.js';
export type { SessionStatusCodeOptions } from '../options/status-code-options.js';
export type {
  SessionVerifierExtras,
  SessionVerifierOptions,
  SessionVerifierOptionsFactory,
  SessionVerifierRevocations,
} from './session-verifier-options.js';
export { SessionVerification, type SessionVerificationHealth } from './session-verification.js';
export { currentSession, sessionOf } from './current-session.js';
export { getVerificationToken, InjectVerification } from './inject-verification.decorator.js';
export { VerifySession, type VerifierRouteOptions } from './verify-session.decorator.js';
export { CurrentSession } from '../http/decorators/current-session.decorator.js';
export { ForbidImpersonation } from '../http/decorators/forbid-impersonation.decorator.js';
export { PublicAccess } from '../http/decorators/public-access.decorator.js';
export { RequireFresh } from '../http/decorators/require-fresh.decorator.js';
export { SessionGuard } from '../http/verify/session.guard.js';
export { sessionLogRedaction } from '../http/transport/log-redaction.js';
export {
  ReadonlySession,
  type SessionActorIdentity,
} from '../session/container/readonly-session.js';

export { allowSocketIo } from '../live/allow-socket-io.js';
export type { ApplicationOrLater, ProviderSource } from '../live/application.js';
export type { SocketEntranceOptions } from '../live/entrance-options.js';
export type { MercuriusSubscriptions } from '../live/mercurius-subscriptions.js';
export {
  sessionSubscriptions,
  type GraphqlWsSubscriptions,
  type SessionSubscriptionsOptions,
} from '../live/session-subscriptions.js';
export { verifyWsClient } from '../live/verify-ws-client.js';
export type { LiveEnd, LiveEndReason } from '../verification/session-ends.js';

export type { RefusalReason } from '../errors/refusal-reason.js';
export { SessionEventBus, type SessionEventListener } from '../events/session-event-bus.js';
export type { SessionEventName, SessionEvents } from '../events/session-events.js';

export type { AccessTokenPayload } from '../claims/access-token-payload.js';
export { BooleanClaim, type BooleanClaimValidators } from '../claims/boolean-claim.js';
export {
  EmailVerificationClaim,
  type EmailVerificationClaimValidators,
} from '../claims/email-verification.claim.js';
export type { JsonPrimitive } from '../claims/json-primitive.js';
export { PermissionClaim } from '../claims/permission.claim.js';
export {
  PrimitiveArrayClaim,
  type PrimitiveArrayClaimValidators,
} from '../claims/primitive-array-claim.js';
export { PrimitiveClaim, type PrimitiveClaimValidators } from '../claims/primitive-claim.js';
export type {
  ClaimValidationContext,
  ClaimValidationError,
  ClaimValidationResult,
  SessionClaimValidator,
} from '../claims/session-claim-validator.js';
export { SessionClaim, type SessionClaimOptions } from '../claims/session-claim.js';
export { UserRoleClaim } from '../claims/user-role.claim.js';

export type { SessionCookieOptions } from '../options/cookie-options.js';
export type { AntiCsrfMode } from '../options/session-module-options.js';
export { Clock } from '../time/clock.js';
export type { Duration } from '../time/duration.js';

export { CrossSiteRequestException } from '../errors/cross-site-request.exception.js';
export { InvalidClaimsException } from '../errors/invalid-claims.exception.js';
export { SessionConfigurationError } from '../errors/session-configuration.error.js';
export { SessionEndedException } from '../errors/session-ended.exception.js';
export { SessionException } from '../errors/session.exception.js';
export type { SessionErrorCode } from '../errors/error-statuses.js';
export { SessionInputException } from '../errors/session-input.exception.js';
export { SessionIssuerUnavailableException } from '../errors/session-issuer-unavailable.exception.js';
export { TryRefreshTokenException } from '../errors/try-refresh-token.exception.js';
export { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
