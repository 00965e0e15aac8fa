import { Catch, HttpException, Inject, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { SessionException } from '../errors/session.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { FailureAnswer } from './failure-answer.js';

/**
 * Completes the answer to a session error that a handler throws. The module brings it along; the guard and the built-in
 * routes do the same by themselves, so that an application's own catch-all filter takes nothing from them.
 */
@Catch(SessionException)
export class SessionExceptionFilter extends BaseExceptionFilter {
  constructor(
    private readonly failures: FailureAnswer,
    private readonly refusals: SessionRefusals,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
    adapterHost: HttpAdapterHost,
  ) {
    super(adapterHost.httpAdapter);
  }

  override catch(exception: SessionException, host: ArgumentsHost): unknown {
    this.refusals.report('handler', exception);
    if (host.getType() !== 'http') return exception;
    const http = host.switchToHttp();
    this.failures.writeTo(http.getRequest(), http.getResponse(), exception);
    super.catch(this.withConfiguredStatus(exception), host);
    return undefined;
  }

  // What the application throws knows nothing of the module's options.
  private withConfiguredStatus(exception: SessionException): HttpException {
    const { statusOption } = exception;
    if (statusOption === undefined) return exception;
    const status = this.options[statusOption];
    return new HttpException(
      { ...(exception.getResponse() as object), statusCode: status },
      status,
    );
  }
}
