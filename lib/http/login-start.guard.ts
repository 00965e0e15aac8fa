import { Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { requestAndResponseOf } from './context/execution-context.js';
import { asHttpRequest } from './context/http-request.js';

/**
 * Notes when a login began, before the handler's other guards, because one of them may check the password.
 *
 * @publicApi
 */
@Injectable()
export class LoginStartGuard implements CanActivate {
  // Absent if a test has the controller without the module.
  constructor(@Optional() private readonly logins?: LoginsUnderWay) {}

  canActivate(context: ExecutionContext): true {
    this.logins?.begin(asHttpRequest(requestAndResponseOf(context).request));
    return true;
  }
}
