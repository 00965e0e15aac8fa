import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { FILTER_CATCH_EXCEPTIONS } from '@nestjs/common/constants.js';
import { ApplicationConfig, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { SessionException } from '../errors/session.exception.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';
import { findRequestAndResponse } from './context/execution-context.js';
import { sendException } from './context/socket-answer.js';
import { FailureAnswer } from './failure-answer.js';

/**
 * Answers a session error that a handler throws, in the form of whoever called the handler. It completes the response
 * first, and then leaves the answer to a filter of the application's where one catches the error.
 */
@Catch(SessionException)
export class SessionExceptionFilter extends BaseExceptionFilter {
  constructor(
    private readonly failures: FailureAnswer,
    private readonly refusals: SessionRefusals,
    private readonly config: ApplicationConfig,
    adapterHost: HttpAdapterHost,
  ) {
    super(adapterHost.httpAdapter);
  }

  /** Nest asks the filter that was registered last, so this one has to come again after the application's. */
  goBeforeOtherFilters(): void {
    this.config.addGlobalFilter(this);
  }

  override catch(exception: SessionException, host: ArgumentsHost): unknown {
    this.refusals.report('handler', exception);
    this.refusals.applyConfiguredStatus(exception);
    const http = findRequestAndResponse(host);
    if (http?.response !== undefined) {
      this.failures.writeTo(http.request, http.response, exception);
    }
    // Nest asks the filters of the application nowhere on gateways: these have filters of their own.
    const filter = host.getType() === 'ws' ? undefined : this.filterOfApplication(exception);
    if (filter !== undefined) return filter.catch(exception, host) as unknown;
    return this.answer(exception, host);
  }

  private answer(exception: SessionException, host: ArgumentsHost): unknown {
    const response = exception.getResponse();
    const body = { status: 'error', ...(typeof response === 'object' ? response : {}) };
    switch (host.getType<string>()) {
      case 'http':
        super.catch(exception, host);
        return undefined;
      case 'rpc':
        return throwError(() => body);
      case 'ws':
        sendException(host.switchToWs().getClient(), body);
        return undefined;
      default:
        // What a filter returns would be the handler's answer here.
        throw exception;
    }
  }

  private filterOfApplication(exception: SessionException): ExceptionFilter | undefined {
    return this.config
      .getGlobalFilters()
      .toReversed()
      .find((each) => !(each instanceof SessionExceptionFilter) && catches(each, exception));
  }
}

function catches(filter: ExceptionFilter, exception: SessionException): boolean {
  const types = Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, filter.constructor) as
    (abstract new (...parameters: never[]) => unknown)[] | undefined;
  return (
    types === undefined || types.length === 0 || types.some((type) => exception instanceof type)
  );
}
