import {
  BadRequestException,
  Body,
  Controller,
  ForbiddenException,
  Get,
  Post,
} from '@nestjs/common';
import {
  CreateSession,
  CurrentSession,
  PrimitiveClaim,
  VerifySession,
  type SessionContainer,
} from '../../lib/index.js';

export const planClaim = new PrimitiveClaim<string>({
  key: 'plan-claim',
  fetchValue: () => 'free',
});

interface Login {
  userId: string;
  payload?: object;
}

/** The application behind the pages. */
@Controller()
export class SdkApi {
  @Post('login')
  @CreateSession<Login>({
    userId: (login) => login.userId,
    accessTokenPayload: (login) => login.payload ?? {},
  })
  login(@Body() login: Login): Login {
    return login;
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Post('me')
  @VerifySession()
  change(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Get('payload')
  @VerifySession()
  payload(@CurrentSession() session: SessionContainer): object {
    return session.getAccessTokenPayload();
  }

  @Get('checked')
  @VerifySession({ checkDatabase: true })
  checked(@CurrentSession() session: SessionContainer): object {
    return { userId: session.getUserId() };
  }

  @Get('maybe')
  @VerifySession({ sessionRequired: false })
  maybe(@CurrentSession() session: SessionContainer | undefined): object {
    return { userId: session?.getUserId() ?? null };
  }

  @Get('gold')
  @VerifySession({
    overrideGlobalClaimValidators: () => [planClaim.validators.hasValue('gold')],
  })
  gold(): object {
    return { is: 'gold' };
  }

  @Get('forbidden')
  @VerifySession()
  forbidden(): never {
    throw new ForbiddenException();
  }

  @Post('merge')
  @VerifySession()
  async merge(
    @CurrentSession() session: SessionContainer,
    @Body() update: object,
  ): Promise<object> {
    await session.mergeIntoAccessTokenPayload(update);
    return {};
  }

  @Post('merge-and-fail')
  @VerifySession()
  async mergeAndFail(
    @CurrentSession() session: SessionContainer,
    @Body() update: object,
  ): Promise<never> {
    await session.mergeIntoAccessTokenPayload(update);
    throw new BadRequestException();
  }

  @Post('revoke')
  @VerifySession()
  async revoke(@CurrentSession() session: SessionContainer): Promise<object> {
    await session.revokeSession();
    return {};
  }
}
