import {
  HttpException,
  Injectable,
  InternalServerErrorException,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { catchError, defaultIfEmpty, mergeMap, takeLast, type Observable } from 'rxjs';
import { UnauthorizedSessionException } from '../../errors/unauthorized-session.exception.js';
import { kindOf } from '../../options/option-checks.js';
import { requestAndResponseOf } from '../context/execution-context.js';
import { asHttpRequest } from '../context/http-request.js';
import { takesOverResponse } from '../context/taken-over-response.js';
import {
  CreateSessionMetadata,
  type CreateSessionOptions,
} from '../decorators/create-session.metadata.js';
import { nameOf } from '../routes/handlers-of-class.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { RequestLogin } from './request-login.js';
import { SetupWarnings } from '../setup-warnings.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import { LoginsUnderWay } from '../../session/end/logins-under-way.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';

/** Creates the session of a handler with `@CreateSession` from its result. @publicApi */
@Injectable()
export class CreateSessionInterceptor implements NestInterceptor {
  private readonly logger = new Logger('SessionModule');

  /** @internal */
  constructor(
    private readonly reflector: Reflector,
    private readonly login: RequestLogin,
    private readonly limiter: RateLimiter,
    private readonly refusals: SessionRefusals,
    private readonly logins: LoginsUnderWay,
    private readonly warnings: SetupWarnings,
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
    const isGraphQl = context.getType<string>() === 'graphql';
    this.login.refuseCrossSiteLogin(request, options.allowCrossSite, isGraphQl);
    const login = this.limiter.aroundLogin(request, () =>
      this.logins
        .run(asHttpRequest(request), () => next.handle())
        .pipe(
          takeLast(1),
          defaultIfEmpty(undefined),
          mergeMap(async (result) => {
            const session = await this.createSession(options, result, context);
            return this.answer(options, result, session, context);
          }),
        ),
    );
    return login.pipe(
      catchError((error: unknown) => {
        this.refusals.report('login', error);
        throw this.refusal(options, error, context);
      }),
    );
  }

  private async createSession(
    options: CreateSessionOptions<unknown>,
    result: unknown,
    context: ExecutionContext,
  ): Promise<SessionContainer> {
    if (result === null || result === undefined) {
      // Never the option's status, which tells a client to refresh: a failed login has nothing to refresh.
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
      const returned = options.userId === undefined ? 'returned' : 'has a `userId` that selected';
      throw this.misuse(context, `${returned} ${kindOf(userId)}; expected a user id, a string`);
    }
    const { request, response } = requestAndResponseOf(context);
    return this.login.create(request, response, {
      userId,
      // A selector that finds no tenant must not let the user into the default tenant.
      tenantId: options.tenantId === undefined ? 'public' : await select(options.tenantId),
      accessTokenPayload: await select(options.accessTokenPayload),
      sessionDataInDatabase: await select(options.sessionDataInDatabase),
      persistent: await select(options.persistent),
      revokePrevious: options.revokePrevious,
    });
  }

  private answer(
    { answer }: CreateSessionOptions<unknown>,
    result: unknown,
    session: SessionContainer,
    context: ExecutionContext,
  ): unknown {
    if (answer !== undefined) return answer(result as object, session, context);
    // A GraphQL client only gets the schema's fields.
    if (context.getType() === 'http') this.warnings.ofEntity(result, nameOf(context));
    return result;
  }

  // The login is already counted and reported as one without a user, whatever answer the client gets.
  private refusal(
    { refusal }: CreateSessionOptions<unknown>,
    error: unknown,
    context: ExecutionContext,
  ): unknown {
    const isNoUser = error instanceof UnauthorizedSessionException && error.reason === 'no-user';
    if (!isNoUser || refusal === undefined) return error;
    if (typeof refusal === 'number') {
      error.answerWith(refusal);
      return error;
    }
    const own: unknown = refusal(context);
    if (own instanceof HttpException) return own;
    return this.misuse(
      context,
      `has a \`refusal\` that returned ${kindOf(own)}; expected an HttpException`,
    );
  }

  private misuse(context: ExecutionContext, what: string): InternalServerErrorException {
    this.logger.error(`@CreateSession() on ${nameOf(context)}: the handler ${what}`);
    return new InternalServerErrorException();
  }
}

function isSelector(
  selector: unknown,
): selector is (result: unknown, context: ExecutionContext) => unknown {
  return typeof selector === 'function';
}
