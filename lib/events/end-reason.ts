/** All reasons why a session can end before its time. */
export const REVOCATION_REASONS = [
  'sign-out',
  'revoked',
  'revoked-all',
  'revoked-others',
  'revoked-tenant',
  'revoked-everything',
  'replaced-by-login',
  'reauthenticated',
  'session-limit',
  'impersonation-ended',
  'actor-ended',
  'user-forgotten',
  'token-theft',
] as const;

/** Why a session ended before its time. @publicApi */
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** The reasons of sessions whose client got another one in their place. */
export const REPLACEMENT_REASONS: ReadonlySet<string> = new Set([
  'replaced-by-login',
  'reauthenticated',
  'impersonation-ended',
] satisfies RevocationReason[]);

/** The timeouts that can end a session. */
export const EXPIRY_REASONS = ['expired-idle', 'expired-absolute'] as const;

export type ExpiryReason = (typeof EXPIRY_REASONS)[number];

/** How a session ended, including by its timeouts, which revoke nothing. @publicApi */
export type SessionEndReason = RevocationReason | ExpiryReason;

/** All reasons that a row may contain. */
export const END_REASONS: readonly SessionEndReason[] = [...REVOCATION_REASONS, ...EXPIRY_REASONS];
