import { PublicAccessMetadata } from './verify-session.metadata.js';

/**
 * Opens a handler or a controller where `SessionGuard` guards the whole application. A handler with `@CreateSession()`
 * needs it not: it is open by itself.
 *
 * @publicApi
 */
export function PublicAccess(): MethodDecorator & ClassDecorator {
  return PublicAccessMetadata(true);
}
