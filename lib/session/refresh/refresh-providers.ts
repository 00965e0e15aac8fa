import { BoundSessions } from './bound-sessions.js';
import { RefreshNews } from './refresh-news.js';
import { RefreshTokenAuthenticator } from './refresh-token-authenticator.js';
import { RefreshTokenChooser } from './refresh-token-chooser.js';
import { RefreshWrites } from './refresh-writes.js';
import { SessionRefresher } from './session-refresher.js';
import { SessionRotator } from './session-rotator.js';
import { TokenTheft } from './token-theft.js';

/** The providers that refresh sessions. */
export const REFRESH_PROVIDERS = [
  BoundSessions,
  RefreshNews,
  RefreshTokenAuthenticator,
  RefreshTokenChooser,
  RefreshWrites,
  SessionRefresher,
  SessionRotator,
  TokenTheft,
];
