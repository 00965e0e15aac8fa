import { Logger, type DynamicModule, type Provider } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { SessionTally } from '../events/session-tally.js';
import { SessionEventBus } from '../events/session-event-bus.js';
import { FailureAnswer } from '../http/refusals/failure-answer.js';
import { GuardedRoutes } from '../http/routes/guarded-routes.js';
import { HeldSessionVerification } from '../http/verify/held-session-verification.js';
import { LIVE_CONNECTIONS } from '../http/verify/live-connections.js';
import { MESSAGE_TOKENS } from '../http/verify/message-tokens.js';
import { REFRESH_OF_REQUEST, type RefreshOfRequest } from '../http/verify/refresh-of-request.js';
import { RefreshRoute } from '../http/routes/refresh-route.js';
import { RequestVerification } from '../http/verify/request-verification.js';
import { SessionExceptionFilter } from '../http/refusals/session-exception.filter.js';
import { SessionGuard } from '../http/verify/session.guard.js';
import { SessionKinds } from '../http/session-kinds.js';
import { VERIFICATION_PROVIDERS } from '../http/verification-providers.js';
import { LIVE_PROVIDERS } from '../live/live-providers.js';
import { RESOLVED_SESSION_OPTIONS } from '../options/resolved-options.js';
import { aliasesOf, providersOfKind } from '../providers-of-kind.js';
import { STALE_CLAIMS_POLICY } from '../session/container/stale-claims-policy.js';
import { VERIFIED_SESSIONS } from '../session/container/verified-sessions.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { SessionVerifier } from '../session/verify/session-verifier.js';
import { VerifiedTokenCache } from '../session/verify/verified-token-cache.js';
import { Clock } from '../time/clock.js';
import { ARRIVALS, type Arrivals } from '../verification/arrivals.js';
import { KNOWN_REVOCATIONS } from '../verification/known-revocations.js';
import { LIVE_SESSIONS } from '../verification/live-sessions.js';
import { VERIFICATION_KEYS } from '../verification/verification-keys.js';
import { IssuerClient } from './issuer-client.js';
import { IssuerClock } from './issuer-clock.js';
import { IssuerFeed } from './issuer-feed.js';
import { IssuerKeys } from './issuer-keys.js';
import { SelectedMessageTokens } from './message-token.js';
import { NewsInsteadOfRows } from './news-instead-of-rows.js';
import {
  RESOLVED_VERIFIER_OPTIONS,
  resolveVerifierOptions,
  type ResolvedVerifierOptions,
} from './resolve-verifier-options.js';
import { SESSION_VERIFIER_OPTIONS } from './session-verifier.module-definition.js';
import type { SessionVerifierExtras, SessionVerifierOptions } from './session-verifier-options.js';
import { SessionVerification } from './session-verification.js';
import { VERIFIER_LIFECYCLE, VerifierLifecycle } from './verifier-lifecycle.js';
import { ClaimJudgement, SessionsOfIssuer } from './verified-session.js';

// Only the issuer confirms generations of refresh tokens.
const NO_ARRIVALS: Arrivals = { add: () => undefined };

class NoRefreshRoute extends RefreshRoute {
  override isAt(): boolean {
    return false;
  }
}

const NO_REFRESH: RefreshOfRequest = {
  refresh: () => Promise.reject(new TypeError('sessions are refreshed at the issuer')),
};

/** The parts of a kind of sessions for the application. */
const PARTS_OF_KIND = {
  verification: SessionVerification,
  events: SessionEventBus,
  guard: SessionGuard,
} as const;

/** All providers of the module: the path from a token to a session, with an issuer instead of the database. */
export function verifierProviders({ kind }: SessionVerifierExtras): Provider[] {
  const options: Provider = {
    provide: RESOLVED_VERIFIER_OPTIONS,
    inject: [SESSION_VERIFIER_OPTIONS],
    useFactory: (written: SessionVerifierOptions) =>
      resolveVerifierOptions(written, {
        production: process.env['NODE_ENV'] === 'production',
        kind,
      }),
  };
  const parts = [options, ...PARTS];
  return kind === undefined
    ? parts
    : providersOfKind(kind, [...parts, ...aliasesOf(kind, PARTS_OF_KIND)]);
}

/** The exports of a module. With a kind, they have their own names, so that none is found by chance. */
export function verifierExports({
  kind,
}: SessionVerifierExtras): NonNullable<DynamicModule['exports']> {
  return kind === undefined
    ? EXPORTS
    : aliasesOf(kind, PARTS_OF_KIND).map(({ provide }) => provide);
}

const PARTS: Provider[] = [
  { provide: RESOLVED_SESSION_OPTIONS, useExisting: RESOLVED_VERIFIER_OPTIONS },
  { provide: Clock, useFactory: () => new Clock() },
  { provide: SessionEventBus, useFactory: () => new SessionEventBus(reportListenerError) },
  {
    provide: VerifiedTokenCache,
    inject: [RESOLVED_VERIFIER_OPTIONS],
    useFactory: (options: ResolvedVerifierOptions) =>
      new VerifiedTokenCache(options.verifiedTokenCache),
  },
  {
    provide: MESSAGE_TOKENS,
    inject: [RESOLVED_VERIFIER_OPTIONS],
    useFactory: ({ messageToken }: ResolvedVerifierOptions) =>
      messageToken && new SelectedMessageTokens(messageToken),
  },
  { provide: RefreshRoute, useFactory: () => new NoRefreshRoute('') },
  { provide: REFRESH_OF_REQUEST, useValue: NO_REFRESH },
  { provide: VERIFICATION_KEYS, useExisting: IssuerKeys },
  { provide: KNOWN_REVOCATIONS, useExisting: IssuerFeed },
  { provide: LIVE_SESSIONS, useExisting: NewsInsteadOfRows },
  { provide: ARRIVALS, useValue: NO_ARRIVALS },
  { provide: VERIFIED_SESSIONS, useExisting: SessionsOfIssuer },
  { provide: STALE_CLAIMS_POLICY, useExisting: SessionsOfIssuer },
  { provide: APP_FILTER, useExisting: SessionExceptionFilter },
  ...VERIFICATION_PROVIDERS,
  ...LIVE_PROVIDERS,
  ClaimJudgement,
  IssuerClient,
  IssuerClock,
  IssuerFeed,
  IssuerKeys,
  NewsInsteadOfRows,
  RegisteredClaims,
  SessionExceptionFilter,
  SessionRefusals,
  SessionTally,
  SessionVerification,
  SessionVerifier,
  SessionsOfIssuer,
  VerifierLifecycle,
  { provide: VERIFIER_LIFECYCLE, useExisting: VerifierLifecycle },
];

/** The providers that an application's guards and services need, in whichever module they are resolved. */
const EXPORTS = [
  SessionGuard,
  SessionVerification,
  SessionEventBus,
  GuardedRoutes,
  RequestVerification,
  REFRESH_OF_REQUEST,
  MESSAGE_TOKENS,
  FailureAnswer,
  HeldSessionVerification,
  LIVE_CONNECTIONS,
  SessionKinds,
  SessionRefusals,
  Clock,
];

function reportListenerError(name: string): void {
  new Logger('SessionVerifierModule').error(`A listener of the session event "${name}" failed`);
}
