import { ApiBody } from '@nestjs/swagger';
import { Body, Controller, HttpCode, NotFoundException, Post, Req, Res } from '@nestjs/common';
import { CreateSession, SessionService } from 'nestjs-auth-sessions';
import { CREDENTIALS_BODY, SIGN_UP_BODY } from '../api-docs/shapes.js';
import { readCredentials, readSignUp } from '../users/forms.js';
import type { Account } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

@Controller()
export class AuthController {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionService,
  ) {}

  /** Logs in the returned user; `null` answers 401. */
  @Post('login')
  @HttpCode(200)
  @ApiBody(CREDENTIALS_BODY)
  @CreateSession<Account>({
    userId: (user) => user.id,
    accessTokenPayload: ({ name, plan }) => ({ name, plan }),
    sessionDataInDatabase: () => ({ loggedInBy: 'password' }),
  })
  login(@Body() body: unknown): Promise<Account | null> {
    return this.users.check(readCredentials(body));
  }

  @Post('signup')
  @ApiBody(SIGN_UP_BODY)
  @CreateSession<Account>({
    userId: (user) => user.id,
    accessTokenPayload: ({ name, plan }) => ({ name, plan }),
    sessionDataInDatabase: () => ({ loggedInBy: 'sign-up' }),
  })
  signUp(@Body() body: unknown): Promise<Account> {
    return this.users.create(readSignUp(body));
  }

  /**
   * The same by hand, for cases in which a decorator does not fit. This one plays an identity provider that vouches for
   * Alan. A real callback checks the provider's `state` and answer here.
   */
  @Post('sso')
  @HttpCode(200)
  async sso(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<{ message: string }> {
    const user = await this.users.findByEmail('alan@example.com');
    if (user === null) throw new NotFoundException('The demo user Alan is gone.');
    const { id, name, plan } = user;
    await this.sessions.createNewSession(
      request,
      response,
      'public',
      id,
      { name, plan },
      { loggedInBy: 'sso' },
    );
    return { message: 'User logged in!' };
  }
}
