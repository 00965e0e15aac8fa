import { kindOf } from '../../options/option-checks.js';
import type { ResolvedSessionOptions } from '../../options/resolved-options.js';
import { headerOf, type HttpRequest } from '../context/http-request.js';
import { AUTH_MODE_HEADER } from './header-names.js';

/**
 * How a new session's tokens are sent: as the server's options fix it, else as the client asks, else in cookies.
 *
 * @throws {TypeError} if the application's own choice is invalid. A token must not go to an unexpected place
 */
export function transferMethodForCreate(
  request: HttpRequest,
  options: ResolvedSessionOptions,
): 'cookie' | 'header' {
  const allowed = options.tokenTransferMethod(request, 'create');
  if (allowed === 'cookie' || allowed === 'header') return allowed;
  if (allowed !== 'any') {
    const kind = kindOf(allowed);
    throw new TypeError(`tokenTransferMethod gave ${kind}; expected 'any', 'cookie' or 'header'`);
  }
  return headerOf(request, AUTH_MODE_HEADER)?.toLowerCase() === 'header' ? 'header' : 'cookie';
}
