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
  Req,
  Res,
} from '@nestjs/common';
import {
  CurrentSession,
  PublicAccess,
  SessionService,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import { readReason, readRole } from '../users/forms.js';
import type { Account, Role } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

/** Only for admins: anybody else gets 403, with the failing validators. */
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

  /** Changes a role, which the user's sessions learn at their next request. */
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

  /** Logs the admin in as a user, for at most a quarter of an hour. The events and `explain` show the reason. */
  @Post('users/:id/act-as')
  @HttpCode(200)
  async actAs(
    @CurrentSession() actor: SessionContainer,
    @Param('id', ParseUUIDPipe) id: string,
    @Body() body: unknown,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<{ name: string }> {
    const reason = readReason(body);
    const user = await this.users.findById(id);
    if (user === null) throw new NotFoundException('No such user.');
    const { name, plan } = user;
    await this.sessions.impersonate(request, response, {
      actor,
      userId: id,
      reason,
      lifetime: '15m',
      accessTokenPayload: { name, plan },
    });
    return { name };
  }

  /** Returns the admin's own session. It is open, because the current session is the user's. */
  @Post('act-as-myself')
  @HttpCode(200)
  @PublicAccess()
  async actAsMyself(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.endImpersonation(request, response);
  }
}
