import type { Provider } from '@nestjs/common';
import { SessionEventBus } from './events/session-event-bus.js';
import { gathered, made } from './constructed-provider.js';
import { TokenWriter } from './http/transport/token-writer.js';
import { KeyRing } from './keys/key-ring.js';
import { RESOLVED_SESSION_OPTIONS } from './options/resolved-options.js';
import { ClockCorrection } from './revocation/clock-correction.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { AccessTokenMinter } from './session/access-token-minter.js';
import { DeviceForgetter } from './session/device-forgetter.js';
import { SessionLimit } from './session/session-limit.js';
import { SessionExpirer } from './session/session-expirer.js';
import { SessionOverview } from './session/session-overview.js';
import { ClaimRegistry } from './session/claim-registry.js';
import { StaleClaims } from './session/stale-claims.js';
import { ConfirmationQueue } from './session/confirmation-queue.js';
import { RefreshTokenAuthenticator } from './session/refresh-token-authenticator.js';
import { RefreshTokenChooser } from './session/refresh-token-chooser.js';
import { SessionClaims } from './session/session-claims.js';
import { SessionContainerFactory } from './session/session-container.factory.js';
import { SessionDirectory } from './session/session-directory.js';
import { SessionEditor } from './session/session-editor.js';
import { SessionHealth } from './session/session-health.js';
import { SessionIssuer } from './session/session-issuer.js';
import { SessionPruner } from './session/session-pruner.js';
import { SessionRefresher } from './session/session-refresher.js';
import { SessionRevoker } from './session/session-revoker.js';
import { SessionRotator } from './session/session-rotator.js';
import { SessionTokenMinter } from './session/session-token-minter.js';
import { UserEraser } from './session/user-eraser.js';
import { SessionVerifier } from './session/session-verifier.js';
import { VerifiedTokenCache } from './session/verified-token-cache.js';
import { DeviceStore } from './store/device.store.js';
import { RevocationStore } from './store/revocation.store.js';
import { SessionDatabase } from './store/session-database.js';
import { SessionStore } from './store/session.store.js';
import { Clock } from './time/clock.js';

const OPTIONS: typeof RESOLVED_SESSION_OPTIONS = RESOLVED_SESSION_OPTIONS;

/** The roles under `session/`, and what each of them needs. */
export function roleProviders(): Provider[] {
  return [
    made(AccessTokenMinter, KeyRing, Clock, OPTIONS),
    made(SessionTokenMinter, KeyRing, AccessTokenMinter),
    made(ConfirmationQueue, SessionStore, Clock),
    made(
      SessionRevoker,
      SessionDatabase,
      RevocationFeed,
      SessionEventBus,
      ClockCorrection,
      Clock,
      OPTIONS,
    ),
    made(
      SessionIssuer,
      SessionDatabase,
      SessionTokenMinter,
      SessionRevoker,
      SessionEventBus,
      SessionLimit,
      ClaimRegistry,
      Clock,
      OPTIONS,
    ),
    made(SessionLimit, SessionStore, SessionDirectory, SessionRevoker, OPTIONS),
    made(
      SessionVerifier,
      KeyRing,
      VerifiedTokenCache,
      RevocationFeed,
      SessionStore,
      ConfirmationQueue,
      Clock,
      OPTIONS,
    ),
    made(
      SessionRefresher,
      SessionStore,
      RefreshTokenAuthenticator,
      SessionRotator,
      SessionTokenMinter,
      SessionVerifier,
      SessionRevoker,
      SessionExpirer,
      SessionEventBus,
      Clock,
      OPTIONS,
    ),
    made(SessionExpirer, SessionDatabase, SessionVerifier, Clock, OPTIONS),
    made(SessionOverview, SessionDatabase, SessionDirectory, SessionVerifier, Clock, OPTIONS),
    made(UserEraser, SessionDatabase, SessionRevoker),
    made(ClaimRegistry),
    made(StaleClaims, RevocationFeed, ClaimRegistry, Clock),
    made(RefreshTokenAuthenticator, KeyRing, OPTIONS),
    made(SessionRotator, SessionStore, KeyRing, SessionTokenMinter, Clock, OPTIONS),
    made(
      RefreshTokenChooser,
      SessionStore,
      RefreshTokenAuthenticator,
      SessionVerifier,
      Clock,
      OPTIONS,
    ),
    made(SessionDirectory, SessionStore, SessionVerifier, Clock),
    made(SessionEditor, SessionStore, SessionDirectory, AccessTokenMinter, Clock),
    made(
      SessionClaims,
      SessionDirectory,
      SessionEditor,
      Clock,
      ClaimRegistry,
      RevocationStore,
      RevocationFeed,
      OPTIONS,
    ),
    made(SessionHealth, SessionDatabase, RevocationFeed, KeyRing, OPTIONS),
    made(DeviceForgetter, DeviceStore, Clock, OPTIONS),
    made(
      SessionPruner,
      SessionExpirer,
      SessionDatabase,
      RevocationStore,
      DeviceForgetter,
      Clock,
      OPTIONS,
    ),
    {
      provide: SessionContainerFactory,
      ...gathered(
        {
          carriers: TokenWriter,
          directory: SessionDirectory,
          editor: SessionEditor,
          revoker: SessionRevoker,
          minter: AccessTokenMinter,
          clock: Clock,
          options: OPTIONS,
        },
        SessionContainerFactory,
      ),
    },
  ];
}
