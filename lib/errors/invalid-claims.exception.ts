import type { StatusOption } from './error-statuses.js';
import { SessionException, type RefusedSession } from './session.exception.js';

/**
 * The session is valid, but its claims do not satisfy the route. The answer has the failing validators, as SuperTokens'
 * browser SDK reads them. The client always keeps its tokens.
 *
 * @publicApi
 */
export class InvalidClaimsException extends SessionException {
  readonly code = 'INVALID_CLAIMS';
  /** @internal */
  override readonly statusOption: StatusOption | undefined;

  /**
   * @param status default: the option `invalidClaimStatusCode`
   * @param session internal: whose session it is
   */
  constructor(
    readonly claimValidationErrors: readonly { id: string; reason?: unknown }[],
    status?: number,
    session?: RefusedSession,
  ) {
    super({
      code: 'INVALID_CLAIMS',
      reason: 'claims',
      status,
      body: { message: 'invalid claim', claimValidationErrors },
      session,
    });
    this.statusOption = status === undefined ? 'invalidClaimStatusCode' : undefined;
  }
}
