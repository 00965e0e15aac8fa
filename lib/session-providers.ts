import { Logger, type Provider } from '@nestjs/common';
import { APP_FILTER, ApplicationConfig, ModuleRef, ModulesContainer } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { SessionEventBus } from './events/session-event-bus.js';
import { SessionTally } from './events/session-tally.js';
import { DEFAULT_API_BASE_PATH } from './options/built-in-routes.js';
import { feedSecretsOf } from './http/controllers/session-routes.js';
import { FeedAccess } from './http/feed/feed-access.js';
import { HeldPolls } from './http/feed/held-polls.js';
import { PublishedFeed } from './http/feed/published-feed.js';
import { BindRoute } from './http/routes/bind-route.js';
import { RefreshRoute } from './http/routes/refresh-route.js';
import { REQUEST_PROVIDERS } from './http/request-providers.js';
import { SessionExceptionFilter } from './http/refusals/session-exception.filter.js';
import { TokenWriter } from './http/transport/token-writer.js';
import { JwtMaker } from './keys/jwt-maker.js';
import { KeyRing } from './keys/key-ring.js';
import { LIVE_PROVIDERS } from './live/live-providers.js';
import { resolveSessionOptions } from './options/resolve-options.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from './options/resolved-options.js';
import type {
  SessionModuleExtras,
  SessionModuleOptions,
} from './options/session-module-options.js';
import { ClockCorrection } from './store/clock-correction.js';
import { CommittedLines } from './revocation/committed-lines.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { aliasesOf, providersOfKind } from './providers-of-kind.js';
import { LIFECYCLE_PROVIDERS } from './session-lifecycle.js';
import { SESSION_MODULE_OPTIONS } from './session.module-definition.js';
import { PARTS_OF_KIND } from './exported-providers.js';
import { SessionService } from './session.service.js';
import { BINDING_PROVIDERS } from './session/bind/binding-providers.js';
import { AccessTokenMinter } from './session/mint/access-token-minter.js';
import { ClaimProviders } from './session/edit/claim-providers.js';
import { RegisteredClaims } from './session/edit/registered-claims.js';
import { ArrivalQueue } from './session/verify/arrival-queue.js';
import { DeviceForgetter } from './session/end/device-forgetter.js';
import { REFRESH_PROVIDERS } from './session/refresh/refresh-providers.js';
import { ClaimsByHandle } from './session/edit/claims-by-handle.js';
import { StaleMarks } from './session/edit/stale-marks.js';
import { ContainerParts } from './session/container/container-parts.js';
import { SessionContainerFactory } from './session/container/session-container.factory.js';
import { SessionDirectory } from './session/verify/session-directory.js';
import { SessionEditor } from './session/edit/session-editor.js';
import { SessionExpirer } from './session/end/session-expirer.js';
import { SessionParts } from './session/session-functions.js';
import { SessionCounters } from './session/session-counters.js';
import { SessionHealth } from './session/session-health.js';
import { SessionImpersonator } from './session/issue/session-impersonator.js';
import { SessionIssuer } from './session/issue/session-issuer.js';
import { SessionLife } from './session/verify/session-life.js';
import { SessionLimit } from './session/issue/session-limit.js';
import { SessionOverview } from './session/session-overview.js';
import { SessionPruner } from './session/end/session-pruner.js';
import { SessionRenewer } from './session/issue/session-renewer.js';
import { SessionRefusals } from './session/refuse/session-refusals.js';
import { LoginsUnderWay } from './session/end/logins-under-way.js';
import { SessionRevoker } from './session/end/session-revoker.js';
import { SessionTokenMinter } from './session/mint/session-token-minter.js';
import { SessionVerifier } from './session/verify/session-verifier.js';
import { StaleClaimRenewal } from './session/container/stale-claim-renewal.js';
import { TOKEN_CARRIERS } from './session/container/token-carrier.js';
import { UserEraser } from './session/end/user-eraser.js';
import { UserRevoker } from './session/end/user-revoker.js';
import { VerifiedTokenCache } from './session/verify/verified-token-cache.js';
import { Deadline } from './store/deadline.js';
import { checkDriver } from './store/driver-before-connecting.js';
import { DeviceKeyStore } from './store/device-key.store.js';
import { DeviceStore } from './store/device.store.js';
import { RevocationStore } from './store/revocation.store.js';
import { SessionDatabase } from './store/session-database.js';
import { SessionStore } from './store/session.store.js';
import { Tables } from './store/tables.js';
import { SigningKeyStore } from './store/signing-key.store.js';
import { STALE_CLAIMS_POLICY } from './session/container/stale-claims-policy.js';
import { Clock } from './time/clock.js';
import { ARRIVALS } from './verification/arrivals.js';
import { KNOWN_REVOCATIONS } from './verification/known-revocations.js';
import { LIVE_SESSIONS } from './verification/live-sessions.js';
import { VERIFICATION_KEYS } from './verification/verification-keys.js';

const STORES = [SessionStore, SigningKeyStore, RevocationStore, DeviceStore, DeviceKeyStore];
const KEYS_AND_REVOCATION = [KeyRing, JwtMaker, ClockCorrection, RevocationFeed, CommittedLines];
const ROLES = [
  AccessTokenMinter,
  ClaimProviders,
  RegisteredClaims,
  ArrivalQueue,
  ContainerParts,
  ...BINDING_PROVIDERS,
  ...REFRESH_PROVIDERS,
  DeviceForgetter,
  ClaimsByHandle,
  StaleMarks,
  SessionContainerFactory,
  SessionCounters,
  SessionDirectory,
  SessionEditor,
  SessionExpirer,
  SessionHealth,
  SessionImpersonator,
  SessionIssuer,
  SessionLife,
  SessionLimit,
  SessionOverview,
  SessionPruner,
  SessionRenewer,
  SessionRefusals,
  SessionRevoker,
  SessionParts,
  SessionTokenMinter,
  SessionVerifier,
  LoginsUnderWay,
  StaleClaimRenewal,
  UserEraser,
  UserRevoker,
];

/** All providers of the module. */
export function sessionProviders(extras: SessionModuleExtras): Provider[] {
  const { kind } = extras;
  const parts = partsOf(extras);
  return kind === undefined
    ? parts
    : providersOfKind(kind, [...parts, ...aliasesOf(kind, PARTS_OF_KIND)]);
}

function partsOf(extras: SessionModuleExtras): Provider[] {
  return [
    {
      provide: RESOLVED_SESSION_OPTIONS,
      inject: [SESSION_MODULE_OPTIONS],
      useFactory: (options: SessionModuleOptions) =>
        resolveSessionOptions(options, {
          production: process.env['NODE_ENV'] === 'production',
          kind: extras.kind,
          hasBindRoute: extras.routes !== false && extras.routes?.bind !== false,
        }),
    },
    {
      provide: checkDriver,
      inject: [ModuleRef],
      useFactory: (modules: ModuleRef) => checkDriver(modules, extras.dataSource ?? 'default'),
    },
    { provide: SessionTally, useFactory: () => new SessionTally() },
    {
      provide: SessionEventBus,
      inject: [SessionTally],
      useFactory: (tally: SessionTally) => new SessionEventBus(reportListenerError, tally),
    },
    {
      provide: SessionDatabase,
      inject: [getDataSourceToken(extras.dataSource), RESOLVED_SESSION_OPTIONS],
      useFactory: (
        dataSource: DataSource,
        { databaseTimeoutMs, realm }: ResolvedSessionOptions,
      ) => {
        const tables = new Tables(dataSource, realm);
        return new SessionDatabase(dataSource, new Deadline(databaseTimeoutMs), undefined, tables);
      },
    },
    {
      provide: VerifiedTokenCache,
      inject: [RESOLVED_SESSION_OPTIONS],
      useFactory: (options: ResolvedSessionOptions) =>
        new VerifiedTokenCache(options.verifiedTokenCache),
    },
    {
      provide: RefreshRoute,
      useFactory: () => new RefreshRoute(extras.apiBasePath ?? DEFAULT_API_BASE_PATH),
    },
    {
      provide: BindRoute,
      inject: [ModulesContainer, ApplicationConfig],
      useFactory: (modules: ModulesContainer, config: ApplicationConfig) =>
        new BindRoute(extras.apiBasePath ?? DEFAULT_API_BASE_PATH, modules, config),
    },
    { provide: TOKEN_CARRIERS, useExisting: TokenWriter },
    { provide: VERIFICATION_KEYS, useExisting: KeyRing },
    { provide: KNOWN_REVOCATIONS, useExisting: RevocationFeed },
    { provide: LIVE_SESSIONS, useExisting: SessionLife },
    { provide: ARRIVALS, useExisting: ArrivalQueue },
    { provide: STALE_CLAIMS_POLICY, useExisting: StaleClaimRenewal },
    SessionExceptionFilter,
    { provide: APP_FILTER, useExisting: SessionExceptionFilter },
    { provide: Clock, useFactory: () => new Clock() },
    ...STORES,
    ...KEYS_AND_REVOCATION,
    ...ROLES,
    ...REQUEST_PROVIDERS,
    ...(feedSecretsOf(extras.routes) === undefined ? [] : [PublishedFeed, HeldPolls, FeedAccess]),
    ...LIVE_PROVIDERS,
    SessionService,
    ...LIFECYCLE_PROVIDERS,
  ];
}

function reportListenerError(name: string): void {
  new Logger('SessionModule').error(`A listener of the session event "${name}" failed`);
}
