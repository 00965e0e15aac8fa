import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  ParseUUIDPipe,
  Post,
} from '@nestjs/common';
import {
  CurrentSession,
  SessionService,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import { readRole } from '../users/forms.js';
import type { Account, Role } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** For admins alone: anybody else is answered 403, with what is missing. */
@Controller('admin')
@VerifySession({ roles: ['admin'] })
export class AdminController {
  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionService,
  ) {}

  @Get('users')
  list(): Promise<Account[]> {
    return this.users.list();
  }

  /** Changes a role, and has the user's sessions learn of it at their next request. */
  @Post('users/:id/role')
  @HttpCode(200)
  async changeRole(
    @CurrentSession() session: SessionContainer,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() body: unknown,
  ): Promise<{ role: Role }> {
    const role = readRole(body);
    if (id === session.getUserId()) {
      throw new BadRequestException('Nobody changes their own role: the last admin could be gone.');
    }
    if (!(await this.users.changeRole(id, role))) throw new NotFoundException('No such user.');
    await this.sessions.markClaimsStale(id);
    return { role };
  }
}
