import { SessionException, type RefusedSession } from './session.exception.js';

/** Why a proof was refused. @publicApi */
export type DeviceProofRefusal =
  'device-proof-malformed' | 'device-signature' | 'device-challenge' | 'device-bound-already';

/**
 * A browser's proof of its device is invalid, or it answers something else: 400 if it is malformed, otherwise 403.
 * Nothing has changed, and the client keeps its tokens. A session that is not bound stays as it is.
 *
 * @publicApi
 */
export class DeviceProofRefusedException extends SessionException {
  readonly code = 'DEVICE_PROOF_REFUSED';

  constructor(reason: DeviceProofRefusal, session?: RefusedSession) {
    super({
      code: 'DEVICE_PROOF_REFUSED',
      reason,
      status: reason === 'device-proof-malformed' ? 400 : undefined,
      body: { message: 'device proof refused' },
      session,
    });
  }
}
