import { PublicAccessMetadata } from './verify-session.metadata.js';

/**
 * Opens a handler or a controller where `SessionGuard` guards the whole application. A handler with `@CreateSession()`
 * is open by itself. A class that extends an open one is not opened.
 *
 * @publicApi
 */
export function PublicAccess(): MethodDecorator & ClassDecorator {
  return PublicAccessMetadata(true);
}
