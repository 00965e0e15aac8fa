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
  ForbidImpersonation,
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
  @ForbidImpersonation()
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

  /** Ends every session of the user, including this one. */
  @Post('sign-out-everywhere')
  @HttpCode(200)
  async signOutEverywhere(
    @CurrentSession() session: SessionContainer,
  ): Promise<{ endedSessions: number }> {
    const ended = await this.sessions.revokeAllSessionsForUser(session.getUserId());
    // Also removes the tokens from this browser; the others learn of it at their next request.
    await session.revokeSession();
    return { endedSessions: ended.length };
  }

  /** Everything known about the user, only for somebody who has just proved to be them. */
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

  /** Asks for the password again: a new session with the same content replaces this one. */
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
