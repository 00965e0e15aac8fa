import { Controller, HttpCode, Post, Req, Res, VERSION_NEUTRAL, type Type } from '@nestjs/common';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { PublicAccess } from '../decorators/public-access.decorator.js';
import { FailureAnswer } from '../refusals/failure-answer.js';
import { RequestSignOut } from '../request-sign-out.js';

/** `POST {base}/signout`. */
export function signOutController(basePath: string, decorated: MethodDecorator): Type {
  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @PublicAccess()
  class SignOutController {
    constructor(
      private readonly signOut: RequestSignOut,
      private readonly failures: FailureAnswer,
    ) {}

    @Post(BUILT_IN_ROUTES.signOut)
    @decorated
    @HttpCode(200)
    async signOutSession(
      @Req() request: object,
      @Res({ passthrough: true }) response: object,
    ): Promise<object> {
      try {
        await this.signOut.signOut(request, response);
        return { status: 'OK' };
      } catch (error) {
        this.failures.writeTo(request, response, error);
        throw error;
      }
    }
  }
  return SignOutController;
}
