import type { Provider } from '@nestjs/common';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { BindingOffer } from './binding-offer.js';
import { FastifyReplies } from './context/fastify-replies.js';
import { CookiePaths } from './cookie-paths.js';
import { FailureAnswer } from './failure-answer.js';
import { GuardedRoutes } from './guarded-routes.js';
import { HandlerSurvey } from './handler-survey.js';
import { HeldSessionVerification } from './held-session-verification.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RememberedSessions } from './remembered-sessions.js';
import { RequestAccessToken } from './request-access-token.js';
import { RequestImpersonation } from './request-impersonation.js';
import { RequestBinding } from './request-binding.js';
import { RequestLogin } from './request-login.js';
import { RequestRefresh } from './request-refresh.js';
import { RequestSignOut } from './request-sign-out.js';
import { RequestRefreshTokens } from './request-refresh-tokens.js';
import { RequestTokens } from './request-tokens.js';
import { RequestVerification } from './request-verification.js';
import { RequiredClaims } from './required-claims.js';
import { SessionGuard } from './session.guard.js';
import { SessionKinds } from './session-kinds.js';
import { KNOWN_ENTITIES, SetupWarnings } from './setup-warnings.js';
import { SessionContainerFactory } from '../session/container/session-container.factory.js';
import { VERIFIED_SESSIONS } from '../session/container/verified-sessions.js';
import { SessionDatabase } from '../store/session-database.js';
import { REFRESH_OF_REQUEST } from './refresh-of-request.js';
import { TransportFilters } from './transport-filters.js';
import { TokenReader } from './transport/token-reader.js';
import { TokenWriter } from './transport/token-writer.js';

/** The providers that know requests and answers. */
export const REQUEST_PROVIDERS: Provider[] = [
  { provide: KNOWN_ENTITIES, useExisting: SessionDatabase },
  { provide: REFRESH_OF_REQUEST, useExisting: RequestRefresh },
  { provide: VERIFIED_SESSIONS, useExisting: SessionContainerFactory },
  AntiCsrf,
  BindingOffer,
  CookiePaths,
  FailureAnswer,
  FastifyReplies,
  GuardedRoutes,
  HandlerSurvey,
  HeldSessionVerification,
  RateLimiter,
  RememberedSessions,
  RequestAccessToken,
  RequestImpersonation,
  RequestBinding,
  RequestLogin,
  RequestRefresh,
  RequestSignOut,
  RequestRefreshTokens,
  RequestTokens,
  RequestVerification,
  RequiredClaims,
  SessionGuard,
  SessionKinds,
  SetupWarnings,
  TokenReader,
  TokenWriter,
  TransportFilters,
];
