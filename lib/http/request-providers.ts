import type { Provider } from '@nestjs/common';
import { BindingOffer } from './binding/binding-offer.js';
import { CookiePaths } from './routes/cookie-paths.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RequestImpersonation } from './login/request-impersonation.js';
import { RequestBinding } from './binding/request-binding.js';
import { RequestLogin } from './login/request-login.js';
import { RequestRefresh } from './refresh/request-refresh.js';
import { RequestFormerTokens } from './request-former-tokens.js';
import { RequestSignOut } from './request-sign-out.js';
import { RequestRefreshTokens } from './refresh/request-refresh-tokens.js';
import { KNOWN_ENTITIES } from './setup-warnings.js';
import { SessionContainerFactory } from '../session/container/session-container.factory.js';
import { VERIFIED_SESSIONS } from '../session/container/verified-sessions.js';
import { SessionDatabase } from '../store/session-database.js';
import { REFRESH_OF_REQUEST } from './verify/refresh-of-request.js';
import { TokenWriter } from './transport/token-writer.js';
import { VERIFICATION_PROVIDERS } from './verification-providers.js';

/** The providers that know requests and answers. */
export const REQUEST_PROVIDERS: Provider[] = [
  { provide: KNOWN_ENTITIES, useExisting: SessionDatabase },
  { provide: REFRESH_OF_REQUEST, useExisting: RequestRefresh },
  { provide: VERIFIED_SESSIONS, useExisting: SessionContainerFactory },
  ...VERIFICATION_PROVIDERS,
  BindingOffer,
  CookiePaths,
  RateLimiter,
  RequestImpersonation,
  RequestBinding,
  RequestFormerTokens,
  RequestLogin,
  RequestRefresh,
  RequestSignOut,
  RequestRefreshTokens,
  TokenWriter,
];
