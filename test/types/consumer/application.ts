import {
  Controller,
  Get,
  Post,
  type ArgumentsHost,
  type ExecutionContext,
  type PipeTransform,
} from '@nestjs/common';
import {
  CreateSession,
  CurrentSession,
  PrimitiveClaim,
  UserRoleClaim,
  VerifySession,
  currentSession,
  sessionOf,
  type AccessTokenPayload,
  type PayloadUpdate,
  SessionFunctions,
  SessionService,
  type DeviceProofRefusal,
  type RefusedAt,
  type SessionContainer,
  type SessionEvents,
  type SessionPage,
  type SessionSigningOptions,
  type SigningAlgorithm,
} from 'nestjs-auth-sessions';
import { fakeSession, type FakeSession } from 'nestjs-auth-sessions/testing';
import type { ReadonlySession, SessionVerification } from 'nestjs-auth-sessions/verifier';
import { expectTypeOf } from 'vitest';

declare module 'nestjs-auth-sessions' {
  interface AccessTokenPayload {
    plan: 'free' | 'gold';
  }
}

type Plan = 'free' | 'gold';
interface User {
  id: string;
  tenant: string;
  plan: Plan;
}

class UserPipe implements PipeTransform {
  transform(session: SessionContainer): User {
    return { id: session.getUserId(), tenant: session.getTenantId(), plan: 'free' };
  }
}

@Controller()
export class Application {
  constructor(
    private readonly sessions: SessionService,
    private readonly functions: SessionFunctions,
  ) {}

  @Post('login')
  @CreateSession<User>({
    userId: (user) => user.id,
    tenantId: (user) => user.tenant,
    accessTokenPayload: ({ plan }) => ({ plan, since: 2026 }),
    sessionDataInDatabase: (user) => ({ user }),
  })
  login(): User {
    return { id: 'u1', tenant: 'public', plan: 'free' };
  }

  // @ts-expect-error a plan that there is not
  @CreateSession<User>({ accessTokenPayload: () => ({ plan: 'silver' }) })
  @Post('silver')
  silver(): User {
    return this.login();
  }

  // @ts-expect-error a property that the handler's result does not have
  @CreateSession<User>({ userId: (user) => user.name })
  @Post('unnamed')
  unnamed(): User {
    return this.login();
  }

  @Get('plan')
  @VerifySession()
  plan(@CurrentSession() session: SessionContainer, @CurrentSession('plan') plan: Plan): Plan {
    const payload = session.getAccessTokenPayload();
    expectTypeOf<typeof payload.plan>().toEqualTypeOf<Plan>();
    expectTypeOf<(typeof payload)['anything else']>().toEqualTypeOf<unknown>();
    expectTypeOf(payload.exp * 1000).toEqualTypeOf<number>();
    expectTypeOf<typeof payload.sub>().toEqualTypeOf<string>();
    expectTypeOf<typeof payload.auth_time>().toEqualTypeOf<number>();
    // @ts-expect-error a payload that is there is read only
    payload.plan = 'gold';
    return plan;
  }

  @Get('user')
  @VerifySession({ roles: { any: ['admin', 'editor'] }, permissions: ['read'] })
  user(
    @CurrentSession(UserPipe) user: User,
    @CurrentSession('plan', UserPipe) same: User,
  ): boolean {
    return user === same;
  }

  // @ts-expect-error neither a list nor `any`
  @VerifySession({ roles: { all: ['admin'] } })
  @Get('all')
  all(): void {}

  @Post('answered')
  @CreateSession<User | null>({
    userId: (user) => user.id,
    answer: (user, session) => ({ plan: user.plan, until: session.getAccessTokenPayload().exp }),
    refusal: 422,
    revokePrevious: false,
  })
  answered(): User | null {
    return null;
  }

  async verified(verification: SessionVerification, token: string): Promise<void> {
    const session = await verification.verify(token);
    expectTypeOf<typeof session>().toEqualTypeOf<ReadonlySession>();
    const guest = await verification.verify(token, { sessionRequired: false });
    expectTypeOf<typeof guest>().toEqualTypeOf<ReadonlySession | undefined>();
  }

  list(page: SessionPage): Promise<object> {
    return this.functions.listSessions('u1', 'public', page);
  }

  current(context: ExecutionContext, host: ArgumentsHost): (SessionContainer | undefined)[] {
    return [currentSession(context), currentSession(host, 'staff'), sessionOf({}, 'staff')];
  }

  async create(request: object, response: object): Promise<void> {
    await this.sessions.createNewSession(request, response, 'public', 'u1', { plan: 'gold' });
    await this.sessions.createNewSession(request, response, 'public', 'u1', { other: [1] });
    // @ts-expect-error a plan that there is not
    await this.sessions.createNewSession(request, response, 'public', 'u1', { plan: 'silver' });
    await this.functions.createNewSessionWithoutRequestResponse('public', 'u1', { plan: 'free' });
    // @ts-expect-error a plan that there is not
    await this.functions.createNewSessionWithoutRequestResponse('public', 'u1', { plan: 1 });
  }

  async merge(session: SessionContainer): Promise<void> {
    await session.mergeIntoAccessTokenPayload({ plan: 'gold' });
    await session.mergeIntoAccessTokenPayload({ plan: null, other: null });
    await this.sessions.mergeIntoAccessTokenPayload(session.getHandle(), { plan: null });
    // @ts-expect-error a plan that there is not
    await session.mergeIntoAccessTokenPayload({ plan: 'silver' });
    // @ts-expect-error a plan that there is not
    await this.functions.mergeIntoAccessTokenPayload(session.getHandle(), { plan: 'silver' });
    expectTypeOf<PayloadUpdate['plan']>().toEqualTypeOf<Plan | null | undefined>();
  }

  async claims(session: SessionContainer): Promise<void> {
    const claim = new PrimitiveClaim<Plan>({
      key: 'bought',
      fetchValue: ({ accessTokenPayload }) => {
        expectTypeOf<typeof accessTokenPayload.plan>().toEqualTypeOf<Plan>();
        return accessTokenPayload.plan;
      },
    });
    const value = session.getClaimValue(claim);
    expectTypeOf<typeof value>().toEqualTypeOf<Plan | undefined>();
    await session.setClaimValue(claim, 'gold');
    // @ts-expect-error a value that the claim cannot have
    await session.setClaimValue(claim, 'silver');
    // @ts-expect-error a value that the claim cannot have
    await this.sessions.setClaimValue(session.getHandle(), claim, 'silver');
    const found = await this.sessions.getClaimValue(session.getHandle(), claim);
    if (found.status === 'OK') expectTypeOf<typeof found.value>().toEqualTypeOf<Plan | undefined>();
    const roles = session.getClaimValue(new UserRoleClaim({ fetchValue: () => ['admin'] }));
    expectTypeOf<typeof roles>().toEqualTypeOf<readonly string[] | undefined>();
    await session.assertClaims([
      {
        id: 'gold',
        validate: (payload: Readonly<AccessTokenPayload>) => ({ isValid: payload.plan === 'gold' }),
      },
    ]);
  }
}

expectTypeOf<SessionEvents['refused']['at']>().toEqualTypeOf<RefusedAt>();
expectTypeOf<SessionEvents['proofFailed']['reason']>().toEqualTypeOf<DeviceProofRefusal>();
expectTypeOf<SessionSigningOptions['algorithm']>().toEqualTypeOf<SigningAlgorithm | undefined>();

export const faked: FakeSession = fakeSession();

type TestingKit = keyof typeof import('nestjs-auth-sessions/testing');

// Nobody but the module makes one.
expectTypeOf<Extract<TestingKit, 'FakeSession' | 'fakeSession'>>().toEqualTypeOf<'fakeSession'>();
export class OwnService extends SessionService {
  constructor(readonly name: string) {
    // @ts-expect-error the parts that the module gives
    super();
  }
}
export const made = [
  // @ts-expect-error the parts that the module gives
  new SessionService(),
  // @ts-expect-error the parts that the module gives
  new SessionFunctions(),
];
