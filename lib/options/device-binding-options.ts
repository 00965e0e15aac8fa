import type { Duration } from '../time/duration.js';
import { DAY_MS, MINUTE_MS } from '../time/units.js';
import type { OptionReader } from './option-reader.js';
import type { ResolvedSessionOptions } from './resolved-options.js';

// Browsers sign at most six times in nine minutes for a site.
const SHORTEST_LIFETIME = 5 * MINUTE_MS;
const USUAL_LIFETIME = 10 * MINUTE_MS;

/** How sessions are bound to devices. @publicApi */
export interface SessionDeviceBindingOptions {
  /**
   * How long the access token of a bound session is valid. A thief can use a stolen cookie for that long. At least 5
   * minutes, because browsers sign six times in nine minutes. A login's token lives no longer than this and
   * `accessTokenLifetime`, until its browser has bound it.
   * @default '10m', or `accessTokenLifetime` if that is shorter, but at least 5 minutes
   */
  accessTokenLifetime?: Duration;
}

/** How long the access tokens of bound sessions live; `false` if sessions are not bound. */
export type ResolvedDeviceBinding = false | { readonly accessTokenLifetimeMs: number };

/** Reads `deviceBinding`. By default, sessions are not bound. */
export function readDeviceBinding(
  options: OptionReader,
  unboundLifetimeMs: number,
): ResolvedDeviceBinding {
  const value = options.value('deviceBinding');
  if (value === undefined || value === false) return false;
  const usualMs = Math.max(SHORTEST_LIFETIME, Math.min(USUAL_LIFETIME, unboundLifetimeMs));
  if (value === true) return { accessTokenLifetimeMs: usualMs };
  const reader = options.nestedIn('deviceBinding', 'true, false or a plain object');
  if (reader === undefined) return false;
  const accessTokenLifetimeMs = reader.durationMs(
    'accessTokenLifetime',
    SHORTEST_LIFETIME,
    1000 * DAY_MS,
    usualMs,
  );
  reader.refuseUnknown();
  return { accessTokenLifetimeMs };
}

/** Refuses options with which browsers bind no session, or with which a page can't work. */
export function checkDeviceBinding(
  options: ResolvedSessionOptions,
  reader: OptionReader,
  hasRoute: boolean,
): void {
  const { deviceBinding, cookie, antiCsrf, fixedTransferMethod } = options;
  if (deviceBinding === false) return;
  const refuse = (problem: string): void => reader.problem('deviceBinding', problem);
  if (fixedTransferMethod === 'header') {
    refuse('does nothing with `tokenTransferMethod` header: browsers bind cookies');
  }
  if (cookie.sameSite === 'none') refuse('does not work with `cookie.sameSite` none');
  if (cookie.partitioned) refuse('does not work with `cookie.partitioned`');
  if (cookie.domain !== undefined)
    refuse('does not work with `cookie.domain`: a browser binds one host');
  if (cookie.secure === false) refuse('needs Secure cookies, and `cookie.secure` is false');
  if (antiCsrf === 'VIA_TOKEN') {
    refuse(
      'does not work with `antiCsrf` VIA_TOKEN: no page sees the answer that brings the token',
    );
  }
  if (!hasRoute) refuse('needs its route, but `routes.bind` is off');
  const shortest = Math.min(options.refreshTokenLifetimeMs, options.nonPersistentLifetimeMs);
  if (deviceBinding.accessTokenLifetimeMs >= shortest) {
    refuse(
      'needs an `accessTokenLifetime` shorter than `refreshTokenLifetime` and `nonPersistentLifetime`',
    );
  }
}

/** How long an access token can live at most, in a bound session or an unbound one. */
export function longestAccessTokenMs(options: {
  readonly accessTokenLifetimeMs: number;
  readonly deviceBinding?: ResolvedDeviceBinding;
}): number {
  const { accessTokenLifetimeMs, deviceBinding = false } = options;
  if (deviceBinding === false) return accessTokenLifetimeMs;
  return Math.max(accessTokenLifetimeMs, deviceBinding.accessTokenLifetimeMs);
}
