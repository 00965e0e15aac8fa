import type { Provider } from '@nestjs/common';
import { AntiCsrf } from './anti-csrf/anti-csrf.js';
import { FastifyReplies } from './context/fastify-replies.js';
import { FailureAnswer } from './refusals/failure-answer.js';
import { GuardedRoutes } from './routes/guarded-routes.js';
import { HandlerSurvey } from './routes/handler-survey.js';
import { HeldSessionVerification } from './verify/held-session-verification.js';
import { OpenMessages } from './routes/open-messages.js';
import { RememberedSessions } from './verify/remembered-sessions.js';
import { RequestAccessToken } from './verify/request-access-token.js';
import { RequestTokens } from './request-tokens.js';
import { RequestVerification } from './verify/request-verification.js';
import { RequiredClaims } from './verify/required-claims.js';
import { SessionKinds } from './session-kinds.js';
import { SessionGuard } from './verify/session.guard.js';
import { SetupWarnings } from './setup-warnings.js';
import { TransportFilters } from './refusals/transport-filters.js';
import { TokenReader } from './transport/token-reader.js';

/** The providers that verify the sessions of requests, for owners and readers of sessions alike. */
export const VERIFICATION_PROVIDERS: Provider[] = [
  AntiCsrf,
  FailureAnswer,
  FastifyReplies,
  GuardedRoutes,
  HandlerSurvey,
  HeldSessionVerification,
  OpenMessages,
  RememberedSessions,
  RequestAccessToken,
  RequestTokens,
  RequestVerification,
  RequiredClaims,
  SessionGuard,
  SessionKinds,
  SetupWarnings,
  TokenReader,
  TransportFilters,
];
