import { Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { requestAndResponseOf } from './context/execution-context.js';
import { asHttpRequest } from './context/http-request.js';
import { CreateSessionMetadata } from './decorators/create-session.metadata.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';

/**
 * Lets a login begin before the handler's other guards, because one of them may check the password: notes the time,
 * refuses another site's page, and counts the attempt for `rateLimit`.
 *
 * @publicApi
 */
@Injectable()
export class LoginStartGuard implements CanActivate {
  /** @internal */
  constructor(
    private readonly reflector: Reflector,
    // Absent if a test has the controller without the module.
    @Optional() private readonly logins?: LoginsUnderWay,
    @Optional() private readonly login?: RequestLogin,
    @Optional() private readonly limiter?: RateLimiter,
    @Optional() private readonly refusals?: SessionRefusals,
  ) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    const request = asHttpRequest(requestAndResponseOf(context).request);
    const { allowCrossSite } = this.reflector.get(CreateSessionMetadata, context.getHandler());
    const isGraphQl = context.getType<string>() === 'graphql';
    this.logins?.begin(request);
    // Another site's page must not use up the limit of its visitor.
    this.login?.refuseCrossSiteLogin(request, allowCrossSite, isGraphQl);
    return this.limiter?.isOn === true ? this.count(this.limiter, request, !isGraphQl) : true;
  }

  private async count(limiter: RateLimiter, request: object, isOnly: boolean): Promise<true> {
    try {
      await limiter.countAhead(request, isOnly);
      return true;
    } catch (error) {
      this.refusals?.report('login', error);
      throw error;
    }
  }
}
