import {
  Injectable,
  InternalServerErrorException,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { catchError, defaultIfEmpty, mergeMap, takeLast, type Observable } from 'rxjs';
import { SessionInputException } from '../errors/session-input.exception.js';
import { UnauthorizedSessionException } from '../errors/unauthorized-session.exception.js';
import { kindOf } from '../options/option-checks.js';
import { isMutation, requestAndResponseOf } from './context/execution-context.js';
import { asHttpRequest } from './context/http-request.js';
import { takesOverResponse } from './context/taken-over-response.js';
import {
  CreateSessionMetadata,
  type CreateSessionOptions,
} from './decorators/create-session.metadata.js';
import { RateLimiter } from './rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';
import { LoginsUnderWay } from '../session/end/logins-under-way.js';
import { SessionRefusals } from '../session/refuse/session-refusals.js';

/** Creates the session of a handler with `@CreateSession` from what it returned. @publicApi */
@Injectable()
export class CreateSessionInterceptor implements NestInterceptor {
  private readonly logger = new Logger('SessionModule');
  private readonly requestsWithLogin = new WeakSet<object>();

  constructor(
    private readonly reflector: Reflector,
    private readonly login: RequestLogin,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    private readonly logins: LoginsUnderWay,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const options = this.reflector.get(CreateSessionMetadata, context.getHandler());
    if (context.getType<string>() === 'http' && takesOverResponse(context)) {
      throw this.misuse(
        context,
        'takes over the response, so no session could be attached: use @Res({ passthrough: true })',
      );
    }
    const { request } = requestAndResponseOf(context);
    if (context.getType<string>() === 'graphql') this.refuseAnotherLogin(request);
    if (options.allowCrossSite === true) this.login.refuseEmbeddedLogin(request);
    else {
      this.login.refuseCrossSiteLogin(request, isMutation(context));
    }
    const login = this.limiter.aroundLogin(request, () =>
      this.logins
        .run(asHttpRequest(request), () => next.handle())
        .pipe(
          takeLast(1),
          defaultIfEmpty(undefined),
          mergeMap(async (result) => {
            await this.createSession(options, result, context);
            return result;
          }),
        ),
    );
    return login.pipe(catchError((error: unknown) => this.refusals.rethrow('login', error)));
  }

  // One request to GraphQL can name a login any number of times, with a password each.
  private refuseAnotherLogin(request: unknown): void {
    if (this.requestsWithLogin.has(request as object)) {
      const error = new SessionInputException('login', 'may stand in a request once');
      this.refusals.rethrow('login', error);
    }
    this.requestsWithLogin.add(request as object);
  }

  private async createSession(
    options: CreateSessionOptions<unknown>,
    result: unknown,
    context: ExecutionContext,
  ): Promise<void> {
    if (result === null || result === undefined) {
      // Never the option's status: to a client that says "refresh", and a login that failed has nothing to refresh.
      throw new UnauthorizedSessionException({
        reason: 'no-user',
        clearTokens: false,
        status: 401,
      });
    }
    const select = async (selector: unknown): Promise<unknown> =>
      isSelector(selector) ? await selector(result, context) : selector;
    const userId = options.userId === undefined ? result : await select(options.userId);
    if (typeof userId !== 'string') {
      const returned = options.userId === undefined ? 'returned' : 'gave `userId`, which selected';
      throw this.misuse(context, `${returned} ${kindOf(userId)}; expected a user id, a string`);
    }
    const { request, response } = requestAndResponseOf(context);
    await this.login.create(request, response, {
      userId,
      // A selector that finds no tenant must not let the user into the one that is there for all.
      tenantId: options.tenantId === undefined ? 'public' : await select(options.tenantId),
      accessTokenPayload: await select(options.accessTokenPayload),
      sessionDataInDatabase: await select(options.sessionDataInDatabase),
      persistent: await select(options.persistent),
    });
  }

  private misuse(context: ExecutionContext, what: string): InternalServerErrorException {
    const handler = `${context.getClass().name}.${context.getHandler().name}`;
    this.logger.error(`@CreateSession() on ${handler}: the handler ${what}`);
    return new InternalServerErrorException();
  }
}

function isSelector(
  selector: unknown,
): selector is (result: unknown, context: ExecutionContext) => unknown {
  return typeof selector === 'function';
}
