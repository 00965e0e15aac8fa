import { SessionException, type StatusOption } from './session.exception.js';

/**
 * The session is valid but its claims do not hold what the route asks for: 403 with the failing validators, as
 * SuperTokens' browser SDK reads them. Never touches the client's tokens.
 *
 * @publicApi
 */
export class InvalidClaimsException extends SessionException {
  readonly code = 'INVALID_CLAIMS';
  override readonly statusOption: StatusOption | undefined;

  /** @param status default: the option `invalidClaimStatusCode`, 403 */
  constructor(
    readonly claimValidationErrors: readonly { id: string; reason?: unknown }[],
    status?: number,
  ) {
    super({ message: 'invalid claim', claimValidationErrors }, status ?? 403);
    this.statusOption = status === undefined ? 'invalidClaimStatusCode' : undefined;
  }
}
