import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpCode,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import {
  CreateSession,
  CurrentSession,
  RequireFresh,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionSummary,
} from 'nestjs-auth-sessions';
import { settings } from '../settings.js';
import { readPassword, readPasswordChange } from '../users/forms.js';
import type { Account } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';
import { PasswordChange, type ChangedPassword } from './password-change.js';

@Controller('account')
@VerifySession()
export class AccountController {
  constructor(
    private readonly passwords: PasswordChange,
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  /** Ends every session of the user, and gives this browser a new one. */
  @Post('password')
  @HttpCode(200)
  @CreateSession<ChangedPassword>({
    userId: ({ account }) => account.id,
    accessTokenPayload: ({ account: { name, plan } }) => ({ name, plan }),
    sessionDataInDatabase: () => ({ loggedInBy: 'password change' }),
  })
  changePassword(
    @CurrentSession() session: SessionContainer,
    @Body() body: unknown,
  ): Promise<ChangedPassword> {
    return this.passwords.change(session.getUserId(), readPasswordChange(body));
  }

  /** Ends every session of the user, this one too. */
  @Post('sign-out-everywhere')
  @HttpCode(200)
  async signOutEverywhere(
    @CurrentSession() session: SessionContainer,
  ): Promise<{ endedSessions: number }> {
    const ended = await this.sessions.revokeAllSessionsForUser(session.getUserId());
    // Takes the tokens from this browser too; the others learn of it at their next request.
    await session.revokeSession();
    return { endedSessions: ended.length };
  }

  /** All that is known of the user: only for somebody who has just proven to be them. */
  @Get('export')
  @RequireFresh(settings.freshForSeconds)
  async export(
    @CurrentSession() session: SessionContainer,
  ): Promise<{ account: Account | null; sessions: SessionSummary[] }> {
    return {
      account: await this.users.findById(session.getUserId()),
      sessions: await this.sessions.listSessions(session.getUserId(), session.getTenantId()),
    };
  }

  /** The password once more: a new session takes the place of this one, with all that it holds. */
  @Post('confirm-password')
  @HttpCode(200)
  async confirmPassword(
    @CurrentSession() session: SessionContainer,
    @Body() body: unknown,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<{ confirmed: true }> {
    const account = await this.users.checkById(session.getUserId(), readPassword(body));
    if (account === null) {
      throw new BadRequestException({
        statusCode: 400,
        message: 'That is not your password.',
        field: 'password',
      });
    }
    await this.sessions.reauthenticate(request, response, account.id);
    return { confirmed: true };
  }
}
