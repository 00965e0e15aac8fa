import { Controller, Get } from '@nestjs/common';
import {
  CurrentSession,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import type { Account } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** A guarded route, as any of an application's own. */
@Controller('profile')
@VerifySession()
export class ProfileController {
  constructor(private readonly users: UsersService) {}

  @Get()
  async show(@CurrentSession() session: SessionContainer): Promise<Account> {
    const account = await this.users.findById(session.getUserId());
    if (account === null) throw new UnauthorizedSessionException({ reason: 'no-user' });
    return account;
  }
}
