import { SessionException } from './session.exception.js';

/**
 * A login came from another site's page (login CSRF): 403, no session is created.
 *
 * @see OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Login CSRF"
 * @publicApi
 */
export class CrossSiteRequestException extends SessionException {
  readonly code = 'CROSS_SITE_REQUEST';

  constructor() {
    super({ message: 'cross-site request refused' }, 403);
  }
}
