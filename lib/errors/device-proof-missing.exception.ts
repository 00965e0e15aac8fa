import { SessionException, type RefusedSession } from './session.exception.js';

/**
 * The session is bound to a device, so its refresh token alone is not enough: 503 with `Retry-After`. The browser
 * proves its key without the page's help, and has put that off. Nothing has changed and the client keeps its tokens,
 * apart from an access token in a cookie that is good for nothing. A page that gets this for more than a few minutes asks
 * the user to log in again, because the browser has lost the key.
 *
 * @publicApi
 */
export class DeviceProofMissingException extends SessionException {
  readonly code = 'DEVICE_PROOF_MISSING';

  override readonly retryAfterSeconds = 5;

  constructor(session?: RefusedSession) {
    super({
      code: 'DEVICE_PROOF_MISSING',
      reason: 'device-proof-missing',
      body: { message: 'device proof missing' },
      session,
    });
  }
}
