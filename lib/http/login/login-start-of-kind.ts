import { Inject, Injectable, type CanActivate, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { oncePerKind, tokenOfKind } from '../../options/kind.js';
import { LoginsUnderWay } from '../../session/end/logins-under-way.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { FailureAnswer } from '../refusals/failure-answer.js';
import { LoginStartGuard } from './login-start.guard.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';

/** Lets a login of a kind of sessions begin, for handlers in any module. */
export const loginStartOfKind = oncePerKind((kind): Type<CanActivate> => {
  @Injectable()
  class LoginStartGuardOfKind extends LoginStartGuard {
    constructor(
      reflector: Reflector,
      @Inject(tokenOfKind(kind, 'logins')) logins: LoginsUnderWay,
      @Inject(tokenOfKind(kind, 'login')) login: RequestLogin,
      @Inject(tokenOfKind(kind, 'limiter')) limiter: RateLimiter,
      @Inject(tokenOfKind(kind, 'refusals')) refusals: SessionRefusals,
      @Inject(tokenOfKind(kind, 'failures')) failures: FailureAnswer,
    ) {
      super(reflector, logins, login, limiter, refusals, failures);
    }
  }
  return LoginStartGuardOfKind;
});
