import { Injectable, Optional, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { LoginsUnderWay } from '../../session/end/logins-under-way.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import { requestAndResponseOf, type RequestAndResponse } from '../context/execution-context.js';
import { asHttpRequest } from '../context/http-request.js';
import { CreateSessionMetadata } from '../decorators/create-session.metadata.js';
import { FailureAnswer } from '../refusals/failure-answer.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';

/**
 * Lets a login begin before the handler's other guards, because one of them may check the password. It notes the time,
 * refuses another site's page and a second login of one GraphQL request, and counts the attempt for `rateLimit`.
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
    @Optional() private readonly failures?: FailureAnswer,
  ) {}

  canActivate(context: ExecutionContext): true | Promise<true> {
    const answered = requestAndResponseOf(context);
    // The handler would check the password, and nothing could bring its client the tokens.
    if (answered.response === undefined) this.refuse(answered, loginOnSocket());
    const request = asHttpRequest(answered.request);
    const { allowCrossSite } = this.reflector.get(CreateSessionMetadata, context.getHandler());
    const isGraphQl = context.getType<string>() === 'graphql';
    const isFirst = this.logins?.begin(request) ?? true;
    // One GraphQL request can name a login any number of times, with a password each.
    if (isGraphQl && !isFirst) this.refuse(answered, anotherLogin());
    try {
      // Another site's page must not use up the limit of its visitor.
      this.login?.refuseCrossSiteLogin(request, allowCrossSite, isGraphQl);
    } catch (error) {
      this.refuse(answered, error);
    }
    if (this.limiter?.isOn !== true) return true;
    return this.limiter.countAhead(request, !isGraphQl).then(
      () => true,
      (error: unknown) => this.refuse(answered, error),
    );
  }

  // A filter of the handler may answer the error, and no interceptor runs after a guard's.
  private refuse({ request, response }: RequestAndResponse, error: unknown): never {
    this.refusals?.report('login', error);
    if (response !== undefined) this.failures?.writeTo(request, response, error);
    throw error;
  }
}

function anotherLogin(): SessionInputException {
  return new SessionInputException('login', 'may only be used once per request');
}

function loginOnSocket(): SessionInputException {
  return new SessionInputException('login', 'needs a request: a socket brings no tokens');
}
