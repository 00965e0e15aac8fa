import type { SessionActor } from '../../store/session-record.js';
import type { DeviceInfo } from '../device/device-info.js';
import type { LoginUnderWay } from '../end/logins-under-way.js';

/** A login's request for a session. */
export interface SessionRequest {
  readonly userId: unknown;
  readonly tenantId: unknown;
  readonly accessTokenPayload?: unknown;
  readonly sessionDataInDatabase?: unknown;
  readonly persistent?: unknown;
  readonly device?: DeviceInfo;
  /** When the login began, and its own cut-offs. @default it begins now */
  readonly login?: LoginUnderWay | undefined;
  /** Whether the client must send the `anti-csrf` header. */
  readonly withAntiCsrfToken: boolean;
  /** Whether the answer asks the browser to bind the session. @default false */
  readonly isBindingOffered?: boolean;
  /** Sessions that end with this login: the ones that the client carried until now (session fixation, ASVS 7.2.4). */
  readonly replacedHandles?: readonly string[];
  /** The person who acts in it as the user. @default the user */
  readonly impersonation?: AskedImpersonation;
}

/** The person who will act in a session as its user. */
export interface AskedImpersonation {
  readonly actor: SessionActor;
  readonly endsAtMs: number;
  /** The session in which they acted until now. */
  readonly former: string | null;
}
