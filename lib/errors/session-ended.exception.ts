import type { RefusalReason } from './refusal-reason.js';
import type { StatusOption } from './error-statuses.js';
import { SessionException, type RefusedSession } from './session.exception.js';

const MESSAGES = {
  UNAUTHORISED: 'unauthorised',
  TRY_REFRESH_TOKEN: 'try refresh token',
  INVALID_CLAIMS: 'invalid claim',
} as const;

/**
 * A socket, stream or subscription that was open for a session ends. The code says what the client does next: log in
 * again (`UNAUTHORISED`), refresh and reconnect (`TRY_REFRESH_TOKEN`), or nothing (`INVALID_CLAIMS`).
 *
 * @publicApi
 */
export class SessionEndedException extends SessionException {
  readonly code: keyof typeof MESSAGES;
  /** @internal */
  override readonly statusOption: StatusOption;

  constructor(
    code: keyof typeof MESSAGES,
    reason: RefusalReason,
    /** Why it ended, for the application alone: a `LiveEndReason`. */
    readonly endReason: string,
    session: RefusedSession,
  ) {
    super({ code, reason, body: { message: MESSAGES[code] }, session });
    this.code = code;
    this.statusOption =
      code === 'INVALID_CLAIMS' ? 'invalidClaimStatusCode' : 'sessionExpiredStatusCode';
  }
}
