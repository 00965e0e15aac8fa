import {
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Post,
  Req,
  Res,
  UseGuards,
  type CanActivate,
} from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { CreateSession, SessionService } from '../../lib/index.js';

/** Lets a test do something between a login's look at the password and the making of its session. */
export const betweenCheckAndSession = {
  /** What happens then, in a context of its own. */
  happens: (): unknown => undefined,
};

/** Checks the password, as Passport's guard does. */
@Injectable()
class PasswordGuard implements CanActivate {
  async canActivate(): Promise<true> {
    await betweenCheckAndSession.happens();
    return true;
  }
}

/** Logins that take their time, in each way that an application writes them. */
@Controller()
export class SlowLoginController {
  constructor(
    private readonly sessions: SessionService,
    @Inject(getDataSourceToken()) private readonly dataSource: DataSource,
  ) {}

  @Post('login')
  @CreateSession({ tenantId: 'acme' })
  async login(@Body() { userId }: { userId: string }): Promise<string> {
    await betweenCheckAndSession.happens();
    return userId;
  }

  @Post('guard-below')
  @CreateSession({ tenantId: 'acme' })
  @UseGuards(PasswordGuard)
  below(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Post('guard-above')
  @UseGuards(PasswordGuard)
  @CreateSession({ tenantId: 'acme' })
  above(@Body() { userId }: { userId: string }): string {
    return userId;
  }

  @Post('by-hand')
  async byHand(
    @Body() { userId }: { userId: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.limitLogin(request);
    await betweenCheckAndSession.happens();
    await this.sessions.createNewSession(request, response, 'acme', userId);
  }

  /** A provider's callback, which has no body: nothing is awaited before. */
  @Get('callback')
  async callback(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.limitLogin(request);
    await this.sessions.createNewSession(request, response, 'acme', 'eve');
  }

  @Get('unlimited')
  async unlimited(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.createNewSession(request, response, 'acme', 'bob');
  }

  @Get('unlimited-without-response')
  async unlimitedWithoutResponse(): Promise<void> {
    await this.sessions.createNewSessionWithoutRequestResponse('acme', 'bob');
  }

  @Post('without-response')
  async withoutResponse(
    @Body() { userId }: { userId: string },
    @Req() request: object,
  ): Promise<void> {
    await this.sessions.limitLogin(request);
    await betweenCheckAndSession.happens();
    await this.sessions.createNewSessionWithoutRequestResponse('acme', userId);
  }

  @Post('reset')
  @CreateSession({ tenantId: 'acme' })
  async reset(@Body() { userId }: { userId: string }): Promise<string> {
    await this.sessions.revokeAllSessionsForUser(userId);
    await betweenCheckAndSession.happens();
    return userId;
  }

  @Post('reset-in-transaction')
  @CreateSession({ tenantId: 'acme' })
  async resetInTransaction(@Body() { userId }: { userId: string }): Promise<string> {
    await this.dataSource.transaction(async (manager) => {
      await this.sessions.withManager(manager).revokeAllSessionsForUser(userId);
    });
    await this.sessions.revokeAllSessionsForUser(userId);
    await betweenCheckAndSession.happens();
    return userId;
  }

  @Post('reset-by-hand')
  async resetByHand(
    @Body() { userId }: { userId: string },
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<void> {
    await this.sessions.limitLogin(request);
    await betweenCheckAndSession.happens();
    await this.sessions.revokeAllSessionsForUser(userId);
    await this.sessions.createNewSession(request, response, 'acme', userId);
  }
}
