import { Inject, Injectable, type NestInterceptor, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { oncePerKind, tokenOfKind } from '../../options/kind.js';
import { LoginsUnderWay } from '../../session/end/logins-under-way.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { CreateSessionInterceptor } from './create-session.interceptor.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';
import { SetupWarnings } from '../setup-warnings.js';

/** The interceptor for logins of a kind of sessions, usable on handlers in any module. */
export const loginOfKind = oncePerKind((kind): Type<NestInterceptor> => {
  @Injectable()
  class CreateSessionInterceptorOfKind extends CreateSessionInterceptor {
    constructor(
      reflector: Reflector,
      @Inject(tokenOfKind(kind, 'login')) login: RequestLogin,
      @Inject(tokenOfKind(kind, 'limiter')) limiter: RateLimiter,
      @Inject(tokenOfKind(kind, 'refusals')) refusals: SessionRefusals,
      @Inject(tokenOfKind(kind, 'logins')) logins: LoginsUnderWay,
      @Inject(tokenOfKind(kind, 'warnings')) warnings: SetupWarnings,
    ) {
      super(reflector, login, limiter, refusals, logins, warnings);
    }
  }
  return CreateSessionInterceptorOfKind;
});
