import { Controller, HttpCode, Post, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';
import { FailureAnswer } from '../refusals/failure-answer.js';
import { RequestRefresh } from '../refresh/request-refresh.js';

/** `POST {base}/session/refresh`. */
export function refreshController(basePath: string, decorated: MethodDecorator): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  class RefreshController {
    constructor(
      private readonly refresh: RequestRefresh,
      private readonly failures: FailureAnswer,
    ) {}

    @Post(BUILT_IN_ROUTES.refresh)
    @decorated
    @HttpCode(200)
    async refreshSession(
      @Req() request: object,
      @Res({ passthrough: true }) response: object,
    ): Promise<object> {
      try {
        await this.refresh.refresh(request, response);
        return {};
      } catch (error) {
        this.failures.writeTo(request, response, error);
        throw error;
      }
    }
  }
  return RefreshController;
}
