import type { DynamicModule } from '@nestjs/common';
import { SessionEventBus } from './events/session-event-bus.js';
import { FailureAnswer } from './http/refusals/failure-answer.js';
import { GuardedRoutes } from './http/routes/guarded-routes.js';
import { HeldSessionVerification } from './http/verify/held-session-verification.js';
import { LIVE_CONNECTIONS } from './http/verify/live-connections.js';
import { RateLimiter } from './http/rate-limit/rate-limiter.js';
import { RequestLogin } from './http/login/request-login.js';
import { REFRESH_OF_REQUEST } from './http/verify/refresh-of-request.js';
import { RequestRefresh } from './http/refresh/request-refresh.js';
import { RequestVerification } from './http/verify/request-verification.js';
import { SessionKinds } from './http/session-kinds.js';
import { SessionGuard } from './http/verify/session.guard.js';
import { SetupWarnings } from './http/setup-warnings.js';
import { aliasesOf } from './providers-of-kind.js';
import { SessionService } from './session.service.js';
import { LoginsUnderWay } from './session/end/logins-under-way.js';
import { SessionRefusals } from './session/refuse/session-refusals.js';
import { SessionHealth } from './session/session-health.js';
import { Clock } from './time/clock.js';
import type { SessionModuleExtras } from './options/session-module-options.js';

/** The parts of a kind of sessions for the application. */
export const PARTS_OF_KIND = {
  sessions: SessionService,
  events: SessionEventBus,
  health: SessionHealth,
  guard: SessionGuard,
  login: RequestLogin,
  limiter: RateLimiter,
  refusals: SessionRefusals,
  failures: FailureAnswer,
  logins: LoginsUnderWay,
  warnings: SetupWarnings,
} as const;

/**
 * The providers that the application's guards, our interceptors and our services need, in whichever module they are
 * resolved.
 */
const exportedProviders = [
  SessionService,
  SessionGuard,
  SessionEventBus,
  SessionHealth,
  RequestLogin,
  RequestVerification,
  RequestRefresh,
  REFRESH_OF_REQUEST,
  RateLimiter,
  SessionRefusals,
  GuardedRoutes,
  FailureAnswer,
  SessionKinds,
  LoginsUnderWay,
  HeldSessionVerification,
  LIVE_CONNECTIONS,
  SetupWarnings,
  Clock,
];

/** The exports of a module. With a kind, they have their own names, so that none is found by chance. */
export function exportsOf({ kind }: SessionModuleExtras): DynamicModule['exports'] & object {
  return kind === undefined
    ? exportedProviders
    : aliasesOf(kind, PARTS_OF_KIND).map(({ provide }) => provide);
}
