import { Inject, Injectable, type CanActivate, type Type } from '@nestjs/common';
import { oncePerKind, tokenOfKind } from '../options/kind.js';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { LoginStartGuard } from './login-start.guard.js';

/** Notes when a login of a kind of sessions began, for handlers in any module. */
export const loginStartOfKind = oncePerKind((kind): Type<CanActivate> => {
  @Injectable()
  class LoginStartGuardOfKind extends LoginStartGuard {
    constructor(@Inject(tokenOfKind(kind, 'logins')) logins: LoginsUnderWay) {
      super(logins);
    }
  }
  return LoginStartGuardOfKind;
});
