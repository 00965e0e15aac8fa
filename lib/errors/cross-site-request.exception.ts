import { SessionException } from './session.exception.js';

/**
 * A login came from a page of another site (login CSRF): 403, and no session is created.
 *
 * @see OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Login CSRF"
 * @publicApi
 */
export class CrossSiteRequestException extends SessionException {
  readonly code = 'CROSS_SITE_REQUEST';

  constructor() {
    super({
      code: 'CROSS_SITE_REQUEST',
      reason: 'cross-site',
      body: { message: 'cross-site request refused' },
    });
  }
}
