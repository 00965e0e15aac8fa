import { Inject, Injectable, type NestInterceptor, type Type } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { tokenOfKind } from '../options/kind.js';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { CreateSessionInterceptor } from './create-session.interceptor.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';

const interceptors = new Map<string, Type<NestInterceptor>>();

/** The interceptor that logs in by a kind of sessions, for whichever module its handlers stand in. */
export function loginOfKind(kind: string): Type<NestInterceptor> {
  const known = interceptors.get(kind);
  if (known !== undefined) return known;

  @Injectable()
  class CreateSessionInterceptorOfKind extends CreateSessionInterceptor {
    constructor(
      reflector: Reflector,
      @Inject(tokenOfKind(kind, 'login')) login: RequestLogin,
      @Inject(tokenOfKind(kind, 'limiter')) limiter: RateLimiter,
      @Inject(tokenOfKind(kind, 'refusals')) refusals: SessionRefusals,
      @Inject(tokenOfKind(kind, 'logins')) logins: LoginsUnderWay,
    ) {
      super(reflector, login, limiter, refusals, logins);
    }
  }
  interceptors.set(kind, CreateSessionInterceptorOfKind);
  return CreateSessionInterceptorOfKind;
}
