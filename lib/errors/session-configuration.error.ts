/**
 * The module is misconfigured. Thrown at start, so that a mistake never waits for a request.
 *
 * @publicApi
 */
export class SessionConfigurationError extends Error {
  override readonly name = 'SessionConfigurationError';
  readonly code = 'SESSION_CONFIGURATION';
}
