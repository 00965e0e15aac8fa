import type { Provider } from '@nestjs/common';
import { LIVE_CONNECTIONS } from '../http/verify/live-connections.js';
import { SESSION_ENDS } from '../verification/session-ends.js';
import { RunningApplication } from './application.js';
import { GatewayEntrance } from './gateway-entrance.js';
import { Gateways } from './gateways.js';
import { Handshakes } from './handshakes.js';
import { HeldConnections } from './held-connections.js';
import { LiveHandlers } from './live-handlers.js';
import { OpenClaims } from './open-claims.js';
import { OpenSessions } from './open-sessions.js';
import { PendingConnections } from './pending-connections.js';

/** The providers that hold sessions open, and close their connections. */
export const LIVE_PROVIDERS: Provider[] = [
  RunningApplication,
  OpenSessions,
  { provide: SESSION_ENDS, useExisting: OpenSessions },
  OpenClaims,
  Gateways,
  HeldConnections,
  { provide: LIVE_CONNECTIONS, useExisting: HeldConnections },
  Handshakes,
  PendingConnections,
  GatewayEntrance,
  LiveHandlers,
];
