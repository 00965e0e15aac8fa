import { Body, Controller, Delete, Get, Module, Post } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  CreateSession,
  CurrentSession,
  RequireFresh,
  SessionContainer,
  SessionGuard,
  SessionModule,
  UserRoleClaim,
  VerifySession,
} from 'nestjs-auth-sessions';
import { database } from './database.js';

/** In place of a table of users. */
export const rolesOfUsers = new Map<string, string[]>();

@Controller()
export class ShopController {
  @Post('login')
  @CreateSession({ answer: (userId) => ({ userId }), refusal: 422 })
  login(@Body() { password }: { password: string }): string | null {
    return password === 'correct horse' ? 'ada' : null;
  }

  @Get('me')
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Get('reports')
  @VerifySession({ roles: { any: ['admin', 'auditor'] } })
  reports(): string[] {
    return ['January'];
  }

  @Delete('account')
  @RequireFresh('10m')
  async close(@CurrentSession() session: SessionContainer): Promise<void> {
    await session.revokeSession();
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot(database()),
    SessionModule.forRoot({
      refreshTokenLifetime: '30d',
      claims: [new UserRoleClaim({ fetchValue: ({ userId }) => rolesOfUsers.get(userId) ?? [] })],
    }),
  ],
  controllers: [ShopController],
  providers: [{ provide: APP_GUARD, useExisting: SessionGuard }],
})
export class ShopModule {}
