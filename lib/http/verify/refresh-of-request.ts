import type { ReadonlySession } from '../../session/container/readonly-session.js';

/** Refreshes the session of a request to the application's own refresh route. */
export interface RefreshOfRequest {
  refresh(request: unknown, response: unknown): Promise<ReadonlySession>;
}

/** The injection token of the refresh. */
export const REFRESH_OF_REQUEST = Symbol('REFRESH_OF_REQUEST');
