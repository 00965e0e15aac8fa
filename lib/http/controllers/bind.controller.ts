import {
  Controller,
  HttpCode,
  Post,
  Req,
  Res,
  UseFilters,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { ForeignRefusalFilter } from '../binding/foreign-refusal.filter.js';
import { RequestBinding } from '../binding/request-binding.js';
import { areHeadersSent, asHttpResponse } from '../context/http-response.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';
import { FailureAnswer } from '../refusals/failure-answer.js';

/** `POST {base}/session/bind`. Only browsers themselves call it. */
export function bindController(basePath: string, decorated: MethodDecorator): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  @UseFilters(new ForeignRefusalFilter())
  class BindController {
    constructor(
      private readonly binding: RequestBinding,
      private readonly failures: FailureAnswer,
      private readonly host: HttpAdapterHost,
    ) {}

    @Post(BUILT_IN_ROUTES.bind)
    @decorated
    @HttpCode(200)
    async bindSession(@Req() request: object, @Res() response: object): Promise<void> {
      try {
        const { status, body } = await this.binding.answer(request, response);
        // The application's own time limit may have answered meanwhile.
        if (areHeadersSent(asHttpResponse(response))) return;
        // An interceptor of the application may wrap what handlers return, but browsers read this.
        this.host.httpAdapter.reply(response, body, status);
      } catch (error) {
        this.failures.writeTo(request, response, error);
        throw error;
      }
    }
  }
  return BindController;
}
