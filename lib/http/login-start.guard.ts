import { Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { requestAndResponseOf } from './context/execution-context.js';
import { asHttpRequest } from './context/http-request.js';

/**
 * Notes when a login began, before the other guards of its handler: one of them may be what checks the password.
 *
 * @publicApi
 */
@Injectable()
export class LoginStartGuard implements CanActivate {
  // Absent where a test has the controller without the module.
  constructor(@Optional() private readonly logins?: LoginsUnderWay) {}

  canActivate(context: ExecutionContext): true {
    this.logins?.begin(asHttpRequest(requestAndResponseOf(context).request));
    return true;
  }
}
