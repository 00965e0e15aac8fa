import { Logger, type Provider } from '@nestjs/common';
import { APP_FILTER, Reflector } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import { SessionEventBus } from './events/session-event-bus.js';
import { DEFAULT_API_BASE_PATH } from './http/controllers/session-routes.js';
import { FailureAnswer } from './http/failure-answer.js';
import { GuardedRoutes } from './http/guarded-routes.js';
import { RefreshRoute } from './http/refresh-route.js';
import { RequestLogin } from './http/request-login.js';
import { RequestRefresh } from './http/request-refresh.js';
import { RequestVerification } from './http/request-verification.js';
import { SessionExceptionFilter } from './http/session-exception.filter.js';
import { SessionGuard } from './http/session.guard.js';
import { JwtMaker } from './keys/jwt-maker.js';
import { KeyRing } from './keys/key-ring.js';
import { resolveSessionOptions } from './options/resolve-options.js';
import { RESOLVED_SESSION_OPTIONS } from './options/resolved-options.js';
import type {
  SessionModuleExtras,
  SessionModuleOptions,
} from './options/session-module-options.js';
import { ClockCorrection } from './revocation/clock-correction.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { requestProviders } from './request-providers.js';
import { gathered, made } from './constructed-provider.js';
import { roleProviders } from './role-providers.js';
import { SESSION_MODULE_OPTIONS } from './session.module-definition.js';
import { SessionService } from './session.service.js';
import { SessionOverview } from './session/session-overview.js';
import { ClaimRegistry } from './session/claim-registry.js';
import { SessionClaims } from './session/session-claims.js';
import { SessionContainerFactory } from './session/session-container.factory.js';
import { SessionDirectory } from './session/session-directory.js';
import { SessionEditor } from './session/session-editor.js';
import { SessionHealth } from './session/session-health.js';
import { SessionIssuer } from './session/session-issuer.js';
import { SessionRevoker } from './session/session-revoker.js';
import { UserEraser } from './session/user-eraser.js';
import { VerifiedTokenCache } from './session/verified-token-cache.js';
import { Deadline } from './store/deadline.js';
import { DeviceStore } from './store/device.store.js';
import { RevocationStore } from './store/revocation.store.js';
import { SessionDatabase } from './store/session-database.js';
import { SessionStore } from './store/session.store.js';
import { SigningKeyStore } from './store/signing-key.store.js';
import { Clock } from './time/clock.js';

const OPTIONS: typeof RESOLVED_SESSION_OPTIONS = RESOLVED_SESSION_OPTIONS;

/** What an application's guards, interceptors and services of ours are given, whichever module they are resolved in. */
export const exportedProviders = [
  SessionService,
  SessionGuard,
  SessionEventBus,
  SessionHealth,
  RequestLogin,
  RequestVerification,
  RequestRefresh,
  GuardedRoutes,
  FailureAnswer,
  Clock,
];

/** Everything the module is made of, and what each part needs. */
export function sessionProviders(extras: SessionModuleExtras): Provider[] {
  return [
    {
      provide: OPTIONS,
      inject: [SESSION_MODULE_OPTIONS],
      useFactory: (options: SessionModuleOptions) =>
        resolveSessionOptions(options, {
          production: process.env['NODE_ENV'] === 'production',
        }),
    },
    { provide: Clock, useFactory: () => new Clock() },
    { provide: SessionEventBus, useFactory: () => new SessionEventBus(reportListenerError) },
    {
      provide: SessionDatabase,
      inject: [getDataSourceToken(extras.dataSource), OPTIONS],
      useFactory: (
        dataSource: ConstructorParameters<typeof SessionDatabase>[0],
        { databaseTimeoutMs }: ReturnType<typeof resolveSessionOptions>,
      ) => new SessionDatabase(dataSource, new Deadline(databaseTimeoutMs)),
    },
    {
      provide: VerifiedTokenCache,
      inject: [OPTIONS],
      useFactory: (options: ReturnType<typeof resolveSessionOptions>) =>
        new VerifiedTokenCache(options.verifiedTokenCache),
    },
    made(SessionStore, SessionDatabase),
    made(SigningKeyStore, SessionDatabase),
    made(RevocationStore, SessionDatabase),
    made(DeviceStore, SessionDatabase),
    made(KeyRing, SigningKeyStore, SessionEventBus, Clock, OPTIONS),
    made(JwtMaker, KeyRing, Clock, OPTIONS),
    made(ClockCorrection, SessionDatabase, Clock),
    made(RevocationFeed, RevocationStore, ClockCorrection, Clock, OPTIONS),
    ...roleProviders(),
    ...requestProviders(),
    {
      provide: RefreshRoute,
      useFactory: () => new RefreshRoute(extras.apiBasePath ?? DEFAULT_API_BASE_PATH),
    },
    made(GuardedRoutes, Reflector, RefreshRoute, ClaimRegistry),
    SessionGuard,
    { provide: APP_FILTER, useClass: SessionExceptionFilter },
    {
      provide: SessionService,
      ...gathered(
        {
          database: SessionDatabase,
          issuer: SessionIssuer,
          directory: SessionDirectory,
          editor: SessionEditor,
          revoker: SessionRevoker,
          overview: SessionOverview,
          eraser: UserEraser,
          containers: SessionContainerFactory,
          options: OPTIONS,
          login: RequestLogin,
          verification: RequestVerification,
          refresh: RequestRefresh,
          claims: SessionClaims,
          keys: KeyRing,
          jwts: JwtMaker,
        },
        SessionService,
      ),
    },
  ];
}

function reportListenerError(name: string): void {
  new Logger('SessionModule').error(`A listener of the session event "${name}" failed`);
}
