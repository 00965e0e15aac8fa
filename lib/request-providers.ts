import type { Provider } from '@nestjs/common';
import { made } from './constructed-provider.js';
import { RESOLVED_SESSION_OPTIONS } from './options/resolved-options.js';
import { RequestLogin } from './http/request-login.js';
import { RequestRefresh } from './http/request-refresh.js';
import { RequestSignOut } from './http/request-sign-out.js';
import { RequestVerification } from './http/request-verification.js';
import { RateLimiter } from './http/rate-limit/rate-limiter.js';
import { TokenReader } from './http/transport/token-reader.js';
import { TokenWriter } from './http/transport/token-writer.js';
import { AntiCsrf } from './http/anti-csrf/anti-csrf.js';
import { FailureAnswer } from './http/failure-answer.js';
import { RefreshTokenAuthenticator } from './session/refresh-token-authenticator.js';
import { RefreshTokenChooser } from './session/refresh-token-chooser.js';
import { SessionVerifier } from './session/session-verifier.js';
import { SessionContainerFactory } from './session/session-container.factory.js';
import { ClaimRegistry } from './session/claim-registry.js';
import { StaleClaims } from './session/stale-claims.js';
import { SessionRefresher } from './session/session-refresher.js';
import { SessionRevoker } from './session/session-revoker.js';
import { SessionIssuer } from './session/session-issuer.js';
import { SessionDirectory } from './session/session-directory.js';
import { SessionEventBus } from './events/session-event-bus.js';
import { Clock } from './time/clock.js';

const OPTIONS: typeof RESOLVED_SESSION_OPTIONS = RESOLVED_SESSION_OPTIONS;

/** What turns requests into calls of the session roles, and their outcome into responses. */
export function requestProviders(): Provider[] {
  return [
    made(TokenReader, OPTIONS),
    made(TokenWriter, OPTIONS, Clock),
    made(AntiCsrf, SessionEventBus, Clock, OPTIONS),
    made(FailureAnswer, TokenWriter, Clock),
    made(RateLimiter, Clock, OPTIONS),
    made(
      RequestVerification,
      SessionVerifier,
      SessionContainerFactory,
      TokenReader,
      AntiCsrf,
      ClaimRegistry,
      StaleClaims,
      OPTIONS,
    ),
    made(
      RequestRefresh,
      SessionRefresher,
      RefreshTokenChooser,
      SessionContainerFactory,
      TokenReader,
      TokenWriter,
      AntiCsrf,
      RateLimiter,
      OPTIONS,
    ),
    made(
      RequestSignOut,
      SessionVerifier,
      RefreshTokenAuthenticator,
      RefreshTokenChooser,
      SessionRevoker,
      TokenReader,
      TokenWriter,
      AntiCsrf,
      OPTIONS,
    ),
    made(
      RequestLogin,
      SessionIssuer,
      SessionContainerFactory,
      TokenReader,
      TokenWriter,
      RequestSignOut,
      RequestVerification,
      SessionDirectory,
      RateLimiter,
      OPTIONS,
    ),
  ];
}
