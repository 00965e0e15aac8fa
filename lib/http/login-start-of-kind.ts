import { Inject, Injectable, type CanActivate, type Type } from '@nestjs/common';
import { tokenOfKind } from '../options/kind.js';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { LoginStartGuard } from './login-start.guard.js';

const guards = new Map<string, Type<CanActivate>>();

/** Notes when a login of a kind of sessions began, for whichever module its handlers stand in. */
export function loginStartOfKind(kind: string): Type<CanActivate> {
  const known = guards.get(kind);
  if (known !== undefined) return known;

  @Injectable()
  class LoginStartGuardOfKind extends LoginStartGuard {
    constructor(@Inject(tokenOfKind(kind, 'logins')) logins: LoginsUnderWay) {
      super(logins);
    }
  }
  guards.set(kind, LoginStartGuardOfKind);
  return LoginStartGuardOfKind;
}
