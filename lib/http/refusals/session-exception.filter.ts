import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { FILTER_CATCH_EXCEPTIONS } from '@nestjs/common/constants.js';
import {
  ApplicationConfig,
  BaseExceptionFilter,
  HttpAdapterHost,
  ModulesContainer,
} from '@nestjs/core';
import { from, isObservable, mergeAll, throwError, type Observable } from 'rxjs';
import { SessionException } from '../../errors/session.exception.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import {
  findRequestAndResponse,
  keeperOf,
  type RequestAndResponse,
} from '../context/execution-context.js';
import { sendException } from '../context/socket-answer.js';
import { noteRefusedResolver } from '../graphql/refusal-status.js';
import { isGuardedBy } from '../current-session.js';
import { FailureAnswer } from './failure-answer.js';
import { grpcErrorOf } from './grpc-error.js';
import { completeBeforeNearerFilters } from './nearer-filters.js';
import { RequestVerification } from '../verify/request-verification.js';

/**
 * Answers a session error that a handler throws, in the form for the handler's caller. It first completes the response.
 * Then it leaves the answer to a filter of the application, if one catches the error.
 */
@Catch(SessionException)
export class SessionExceptionFilter extends BaseExceptionFilter {
  private readonly logger = new Logger('SessionModule');

  constructor(
    private readonly failures: FailureAnswer,
    private readonly refusals: SessionRefusals,
    private readonly verification: RequestVerification,
    private readonly config: ApplicationConfig,
    private readonly modules: ModulesContainer,
    adapterHost: HttpAdapterHost,
  ) {
    super(adapterHost.httpAdapter);
  }

  /**
   * Nest asks the filter that was registered last, so this one must be registered again after the application's
   * filters.
   */
  goBeforeOtherFilters(): void {
    this.config.addGlobalFilter(this);
    completeBeforeNearerFilters(this, this.modules, this.config);
  }

  /** Completes the response to an error that another filter answers. */
  completeResponse(exception: SessionException, host: ArgumentsHost): void {
    const http = findRequestAndResponse(host);
    this.filterFor(exception, host, http).complete(exception, host, http);
  }

  override catch(exception: SessionException, host: ArgumentsHost): unknown {
    const http = findRequestAndResponse(host);
    return this.filterFor(exception, host, http).completeAndAnswer(exception, host, http);
  }

  private filterFor(
    exception: SessionException,
    host: ArgumentsHost,
    http: RequestAndResponse | undefined,
  ): SessionExceptionFilter {
    const keeper = http && keeperOf(host, http.request);
    return this.ownFilters().find((each) => each.isFor(exception, keeper)) ?? this;
  }

  /** Each of several modules answers its own errors. Another module would end its own session for them. */
  private isFor(exception: SessionException, request: unknown): boolean {
    const isOwned = this.refusals.owns(exception);
    if (isOwned !== undefined || request === undefined) return isOwned === true;
    return isGuardedBy(request, this.verification);
  }

  private complete(
    exception: SessionException,
    host: ArgumentsHost,
    http: RequestAndResponse | undefined,
  ): void {
    this.refusals.report('handler', exception);
    this.refusals.applyConfiguredStatus(exception);
    if (http?.response !== undefined) {
      this.failures.writeTo(http.request, http.response, exception);
      noteRefusedResolver(host, http, exception);
    }
  }

  private completeAndAnswer(
    exception: SessionException,
    host: ArgumentsHost,
    http: RequestAndResponse | undefined,
  ): unknown {
    this.complete(exception, host, http);
    // Queue libraries call handlers with a job, and some name the context HTTP.
    if (host.getType() === 'http' && http?.response === undefined) throw exception;
    // Nest asks the application's filters nowhere on gateways, which have their own filters.
    const filter = host.getType() === 'ws' ? undefined : this.filterOfApplication(exception);
    if (filter === undefined) return this.answer(exception, host);
    return host.getType() === 'rpc'
      ? this.answerOfMessage(filter, exception, host)
      : (filter.catch(exception, host) as unknown);
  }

  /**
   * A filter for HTTP can't answer a message. Its return value would become the handler's answer, and Node would end the
   * process for its rejected promise. This is a stream even for a promise of one, which Nest's streams don't unwrap.
   */
  private answerOfMessage(
    filter: ExceptionFilter,
    exception: SessionException,
    host: ArgumentsHost,
  ): Observable<unknown> {
    const ownAnswer = errorOfMessage(exception, host);
    const answered = new Promise((resolve) => resolve(filter.catch(exception, host)));
    const settled = answered.then(
      (answer) => (isObservable(answer) ? answer : ownAnswer),
      (error: unknown) => {
        const isForHttp = error instanceof TypeError;
        if (!isForHttp && error !== exception) this.logger.error(error);
        return ownAnswer;
      },
    );
    return from(settled).pipe(mergeAll());
  }

  private answer(exception: SessionException, host: ArgumentsHost): unknown {
    switch (host.getType<string>()) {
      case 'http':
        super.catch(exception, host);
        return undefined;
      case 'rpc':
        return errorOfMessage(exception, host);
      case 'ws':
        sendException(host.switchToWs().getClient(), bodyOf(exception));
        return undefined;
      default:
        // A filter's return value would become the handler's answer here.
        throw exception;
    }
  }

  private ownFilters(): SessionExceptionFilter[] {
    return this.config.getGlobalFilters().filter((each) => each instanceof SessionExceptionFilter);
  }

  private filterOfApplication(exception: SessionException): ExceptionFilter | undefined {
    return this.config
      .getGlobalFilters()
      .toReversed()
      .find((each) => !(each instanceof SessionExceptionFilter) && catches(each, exception));
  }
}

function bodyOf(exception: SessionException): object {
  return { status: 'error', ...exception.getResponse() };
}

function errorOfMessage(exception: SessionException, host: ArgumentsHost): Observable<never> {
  return throwError(() => grpcErrorOf(exception, host) ?? bodyOf(exception));
}

function catches(filter: ExceptionFilter, exception: SessionException): boolean {
  const types = Reflect.getMetadata(FILTER_CATCH_EXCEPTIONS, filter.constructor) as
    (abstract new (...parameters: never[]) => unknown)[] | undefined;
  return (
    types === undefined || types.length === 0 || types.some((type) => exception instanceof type)
  );
}
