import type { DynamicModule, Type } from '@nestjs/common';
import { SessionEventBus } from './events/session-event-bus.js';
import { FailureAnswer } from './http/failure-answer.js';
import { GuardedRoutes } from './http/guarded-routes.js';
import { RateLimiter } from './http/rate-limit/rate-limiter.js';
import { RequestLogin } from './http/request-login.js';
import { RequestRefresh } from './http/request-refresh.js';
import { RequestVerification } from './http/request-verification.js';
import { SessionKinds } from './http/session-kinds.js';
import { SessionGuard } from './http/session.guard.js';
import { tokenOfKind } from './options/kind.js';
import { SessionService } from './session.service.js';
import { LoginsUnderWay } from './session/end/logins-under-way.js';
import { SessionRefusals } from './session/refuse/session-refusals.js';
import { SessionHealth } from './session/session-health.js';
import { Clock } from './time/clock.js';
import type { SessionModuleExtras } from './options/session-module-options.js';

/** What an application is given of a kind of sessions. */
const PARTS_OF_KIND = {
  sessions: SessionService,
  events: SessionEventBus,
  health: SessionHealth,
  guard: SessionGuard,
  login: RequestLogin,
  limiter: RateLimiter,
  refusals: SessionRefusals,
  logins: LoginsUnderWay,
} as const;

/** What an application's guards, interceptors and services of ours are given, whichever module they are resolved in. */
const exportedProviders = [
  SessionService,
  SessionGuard,
  SessionEventBus,
  SessionHealth,
  RequestLogin,
  RequestVerification,
  RequestRefresh,
  RateLimiter,
  SessionRefusals,
  GuardedRoutes,
  FailureAnswer,
  SessionKinds,
  LoginsUnderWay,
  Clock,
];

/** What a module exports: under names of its own where it has a kind, so that none is found by chance. */
export function exportsOf({ kind }: SessionModuleExtras): DynamicModule['exports'] & object {
  return kind === undefined ? exportedProviders : aliasesOf(kind).map(({ provide }) => provide);
}

/** The providers by which the parts of a kind are found. */
export function aliasesOf(kind: string): { provide: string; useExisting: Type }[] {
  return Object.entries(PARTS_OF_KIND).map(([part, type]) => ({
    provide: tokenOfKind(kind, part as keyof typeof PARTS_OF_KIND),
    useExisting: type,
  }));
}
