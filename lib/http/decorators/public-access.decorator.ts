import { PublicAccessMetadata } from './verify-session.metadata.js';

/**
 * Opens a handler or a controller if `SessionGuard` guards the whole application. A handler with `@CreateSession()` is
 * open by default. A class that extends an open one is not open.
 *
 * @publicApi
 */
export function PublicAccess(): MethodDecorator & ClassDecorator {
  return PublicAccessMetadata(true);
}
