import { Body, Controller, Get, Post } from '@nestjs/common';
import {
  CreateSession,
  CurrentSession,
  SessionContainer,
  SessionService,
  VerifySession,
} from 'nestjs-auth-sessions';
import { DataSource } from 'typeorm';

@Controller()
export class AccountController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly sessions: SessionService,
  ) {}

  @Post('login')
  @CreateSession()
  login(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): { userId: string } {
    return { userId: session.getUserId() };
  }

  /** Ends the user's sessions in one transaction with a change of the password, which may fail. */
  @Post('password')
  async changePassword(
    @Body() { userId, fails }: { userId: string; fails: boolean },
  ): Promise<{ changed: boolean }> {
    const transaction = this.dataSource.transaction(async (manager) => {
      await this.sessions.withManager(manager).revokeAllSessionsForUser(userId);
      if (fails) throw new Error('The password was not changed.');
    });
    return transaction.then(
      () => ({ changed: true }),
      () => ({ changed: false }),
    );
  }
}
