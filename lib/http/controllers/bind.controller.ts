import { Controller, HttpCode, Post, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';
import { FailureAnswer } from '../refusals/failure-answer.js';
import { RequestBinding } from '../binding/request-binding.js';

/** `POST {base}/session/bind`. Only browsers themselves call it. */
export function bindController(basePath: string, decorated: MethodDecorator): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  class BindController {
    constructor(
      private readonly binding: RequestBinding,
      private readonly failures: FailureAnswer,
    ) {}

    @Post(BUILT_IN_ROUTES.bind)
    @decorated
    @HttpCode(200)
    async bindSession(
      @Req() request: object,
      @Res({ passthrough: true }) response: { status(code: number): unknown },
    ): Promise<object | undefined> {
      try {
        const { status, body } = await this.binding.answer(request, response);
        if (status !== 200) response.status(status);
        return body;
      } catch (error) {
        this.failures.writeTo(request, response, error);
        throw error;
      }
    }
  }
  return BindController;
}
