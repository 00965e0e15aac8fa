import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { FailureAnswer } from './failure-answer.js';
import { GatewayErrors } from './gateway-errors.js';
import { GuardedRoutes } from './guarded-routes.js';
import { HandlerSurvey } from './handler-survey.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RequestAccessToken } from './request-access-token.js';
import { RequestLogin } from './request-login.js';
import { RequestRefresh } from './request-refresh.js';
import { RequestSignOut } from './request-sign-out.js';
import { RequestTokens } from './request-tokens.js';
import { RequestVerification } from './request-verification.js';
import { SessionGuard } from './session.guard.js';
import { SessionKinds } from './session-kinds.js';
import { SetupWarnings } from './setup-warnings.js';
import { TokenReader } from './transport/token-reader.js';
import { TokenWriter } from './transport/token-writer.js';

/** What knows of requests and answers. */
export const REQUEST_PROVIDERS = [
  AntiCsrf,
  FailureAnswer,
  GatewayErrors,
  GuardedRoutes,
  HandlerSurvey,
  RateLimiter,
  RequestAccessToken,
  RequestLogin,
  RequestRefresh,
  RequestSignOut,
  RequestTokens,
  RequestVerification,
  SessionGuard,
  SessionKinds,
  SetupWarnings,
  TokenReader,
  TokenWriter,
];
