import { Body, Controller, Post } from '@nestjs/common';
import { CreateSession } from '../../lib/index.js';

/** `POST /login` of the user that its body names. Controllers of tests extend it, or stand beside it. */
@Controller()
export class LoginController {
  @Post('login')
  @CreateSession()
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }
}

/** The same of one user, for a login without a body. */
export function loginAs(userId: string) {
  @Controller()
  class FixedLoginController {
    @Post('login')
    @CreateSession()
    login(): string {
      return userId;
    }
  }
  return FixedLoginController;
}
