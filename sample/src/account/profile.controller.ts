import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse } from '@nestjs/swagger';
import {
  CurrentSession,
  UnauthorizedSessionException,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import { ACCOUNT_RESPONSE } from '../api-docs/shapes.js';
import type { Account } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** A guarded route, like any of an application's own. */
@Controller('profile')
@VerifySession()
export class ProfileController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @ApiOkResponse(ACCOUNT_RESPONSE)
  async show(@CurrentSession() session: SessionContainer): Promise<Account> {
    const account = await this.users.findById(session.getUserId());
    if (account === null) throw new UnauthorizedSessionException({ reason: 'no-user' });
    return account;
  }
}
