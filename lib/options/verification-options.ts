import type { OptionReader } from './option-reader.js';
import type { ResolvedVerificationOptions } from './resolved-options.js';
import type { AntiCsrfMode } from './session-module-options.js';

/** Options that the application with the sessions and services that only verify them read alike. */

export const AUDIENCE_ALLOWED = 'a text of 1 to 255 characters';

export const ISSUER_ALLOWED =
  'an http or https URL of up to 255 characters, without query and fragment';

const ORIGINS_ALLOWED =
  'origins such as https://www.example.com, without a path or a slash at the end';

// A user name and a password in it would be shown to every client.
export function isIssuer(text: string): boolean {
  if (!isName(text) || !/^https?:\/\/[^?#]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/**
 * The URL of an issuer that paths are appended to. A slash at its end belongs to its name alone.
 *
 * @see OpenID Connect Discovery 1.0 §4.1
 */
export function placeOfIssuer(issuer: string): string {
  return issuer.replace(/\/+$/, '');
}

export function isName(text: string): boolean {
  return text.length > 0 && text.length <= 255;
}

export function resolveAntiCsrf(
  reader: OptionReader,
  sameSite: 'strict' | 'lax' | 'none',
): AntiCsrfMode {
  const mode = reader.oneOf<AntiCsrfMode>(
    'antiCsrf',
    ['VIA_FETCH_METADATA', 'VIA_CUSTOM_HEADER', 'VIA_TOKEN', 'NONE'],
    sameSite === 'none' ? 'VIA_CUSTOM_HEADER' : 'VIA_FETCH_METADATA',
  );
  if (mode === 'NONE' && sameSite === 'none') {
    reader.problem(
      'antiCsrf',
      'is NONE with `cookie.sameSite` none: any site could act for the user',
    );
  }
  return mode;
}

/** Decides which pages may act for the user. */
export function resolveTrust(
  reader: OptionReader,
): Pick<ResolvedVerificationOptions, 'trustedOrigins' | 'trustSameSite'> {
  return {
    trustedOrigins: new Set(reader.strings('trustedOrigins', isOrigin, ORIGINS_ALLOWED)),
    trustSameSite: reader.boolean('trustSameSite', true),
  };
}

export function resolveCache(
  reader: OptionReader | false,
): ResolvedVerificationOptions['verifiedTokenCache'] {
  if (!reader) return false;
  const max = reader.integer('max', 1, 10_000_000, 10_000);
  reader.refuseUnknown();
  return { max };
}

// Pages in an app's shell have their own schemes (`capacitor://localhost`), and URL gives them no origin.
function isOrigin(text: string): boolean {
  // A URL's host may contain a star, but here it would match nothing.
  if (!URL.canParse(text) || text.includes('*')) return false;
  const { origin, protocol, host } = new URL(text);
  return text === (origin === 'null' && host !== '' ? `${protocol}//${host}` : origin);
}
