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
import { SessionException } from '../../errors/session.exception.js';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { ForeignRefusalFilter } from '../binding/foreign-refusal.filter.js';
import { RequestBinding } from '../binding/request-binding.js';
import { areHeadersSent, asHttpResponse } from '../context/http-response.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';
import { FailureAnswer } from '../refusals/failure-answer.js';

interface Answer {
  readonly status: number;
  readonly body: object | undefined;
}

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
      const { status, body } = await this.answer(request, response);
      // The application's own time limit may have answered meanwhile.
      if (areHeadersSent(asHttpResponse(response))) return;
      // An interceptor of the application may give answers and errors another form, but browsers read these.
      this.host.httpAdapter.reply(response, body, status);
    }

    private async answer(request: object, response: object): Promise<Answer> {
      try {
        return await this.binding.answer(request, response);
      } catch (error) {
        this.failures.writeTo(request, response, error);
        if (!(error instanceof SessionException) || error.getStatus() >= 500) throw error;
        return { status: error.getStatus(), body: error.getResponse() };
      }
    }
  }
  return BindController;
}
