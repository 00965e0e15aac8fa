import {
  Controller,
  Module,
  Post,
  Req,
  Res,
  UnprocessableEntityException,
  type ExecutionContext,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CreateSession,
  SessionEventBus,
  SessionService,
  type CreateSessionOptions,
} from '../../lib/index.js';
import { bootApp, platforms, type BootedApp, type BootOptions } from '../support/boot-app.js';
import { LogRecorder } from '../support/log-recorder.js';

@Entity()
class User {
  @PrimaryColumn({ type: 'varchar' })
  id!: string;

  @Column({ type: 'varchar' })
  passwordHash!: string;
}

const ada = Object.assign(new User(), { id: 'ada', passwordHash: 'secret hash' });

@Module({ imports: [TypeOrmModule.forFeature([User])] })
class UsersModule {}

@Controller()
class UserController {
  @Post('entity')
  @CreateSession<User>({ userId: (user) => user.id })
  entity(): User {
    return ada;
  }

  @Post('answer')
  @CreateSession<User>({
    userId: (user) => user.id,
    answer: async (user, session, context) => ({
      id: user.id,
      tenant: session.getTenantId(),
      path: context.switchToHttp().getRequest<{ url: string }>().url,
    }),
  })
  answer(): User {
    return ada;
  }

  @Post('text')
  @CreateSession({ answer: (userId) => ({ userId }) })
  text(): string {
    return 'ada';
  }

  @Post('status')
  @CreateSession({ refusal: 422 })
  status(): null {
    return null;
  }

  @Post('exception')
  @CreateSession({
    refusal: (context: ExecutionContext) =>
      new UnprocessableEntityException(`wrong credentials at ${context.getHandler().name}`),
  })
  exception(): undefined {
    return undefined;
  }

  @Post('nonsense')
  @CreateSession({ refusal: () => 'no' as never })
  nonsense(): null {
    return null;
  }

  @Post('beside')
  @CreateSession({ revokePrevious: false })
  beside(): string {
    return 'ada';
  }

  @Post('instead')
  @CreateSession({ revokePrevious: true })
  instead(): string {
    return 'ada';
  }
}

describe.each(platforms)('the answer of a login on %s', (platform) => {
  let booted: BootedApp | undefined;
  afterEach(() => booted?.close());

  async function boot(options: BootOptions = {}): Promise<BootedApp> {
    booted = await bootApp({
      platform,
      controllers: [UserController],
      imports: [UsersModule],
      ...options,
    });
    return booted;
  }

  it('is what `answer` makes of the result, the session and the context', async () => {
    const { client } = await boot();
    const answer = await client().post('/answer');
    expect([answer.status, answer.json, answer.setCookies.length]).toEqual([
      201,
      { id: 'ada', tenant: 'public', path: '/answer' },
      2,
    ]);
    const text = await client().post('/text');
    expect(text.json).toEqual({ userId: 'ada' });
    expect(text.headers['content-type']).toContain('application/json');
  });

  it('is the result without `answer`; a result that is an entity is warned of once, by the name of its handler', async () => {
    const log = new LogRecorder();
    const { client } = await boot({ prepare: log.record });
    expect((await client().post('/entity')).json).toEqual({
      id: 'ada',
      passwordHash: 'secret hash',
    });
    await client().post('/entity');
    await client().post('/answer');
    const warnings = log.texts('warn').filter((text) => text.includes('entity'));
    expect(warnings).toEqual([
      expect.stringMatching(/^@CreateSession\(\) on UserController\.entity: .*\(User\).*`answer`/),
    ]);
    expect(warnings.join('')).not.toContain('secret hash');
  });

  it('has the status or the exception of `refusal` where the handler finds no user', async () => {
    const { client } = await boot();
    const status = await client().post('/status');
    expect([status.status, status.json, status.setCookies]).toEqual([
      422,
      { statusCode: 422, code: 'UNAUTHORISED', message: 'unauthorised' },
      [],
    ]);
    const exception = await client().post('/exception');
    expect([exception.status, exception.json]).toMatchObject([
      422,
      { message: 'wrong credentials at exception' },
    ]);
  });

  it('tells of such a refusal, and counts it as a wrong guess, as it does without the option', async () => {
    const { app, client } = await boot({
      sessions: { rateLimit: { failures: { max: 2, per: '1m' } } },
    });
    const reasons: string[] = [];
    app
      .get(SessionEventBus)
      .on('refused', ({ at, reason }) => void reasons.push(`${at} ${reason}`));
    const statuses: number[] = [];
    for (const path of ['/exception', '/status', '/exception']) {
      statuses.push((await client().post(path)).status);
    }
    expect(statuses).toEqual([422, 422, 429]);
    expect(reasons).toEqual(['login no-user', 'login no-user', 'login rate-limit']);
  });

  it('is 500 where `refusal` makes no exception, and the log says of which handler', async () => {
    const log = new LogRecorder();
    const { client } = await boot({ prepare: log.record });
    expect((await client().post('/nonsense')).status).toBe(500);
    expect(log.texts('error').join()).toContain('UserController.nonsense');
  });

  it('ends the session of before, or not, as the login itself says', async () => {
    const { app, client } = await boot({ sessions: { revokePreviousSession: false } });
    const browser = client();
    const handles = () => app.get(SessionService).getAllSessionHandlesForUser('ada');
    await browser.post('/beside');
    await browser.post('/text');
    expect(await handles()).toHaveLength(2);
    await browser.post('/instead');
    expect(await handles()).toHaveLength(2);
  });

  it('keeps the session of before by hand too', async () => {
    @Controller()
    class ByHand {
      constructor(private readonly sessions: SessionService) {}

      @Post('hand')
      async login(@Req() request: object, @Res({ passthrough: true }) response: object) {
        const options = { revokePrevious: false };
        await this.sessions.createNewSession(request, response, 'public', 'ada', {}, {}, options);
      }
    }
    const { app, client } = await boot({ controllers: [ByHand] });
    const browser = client();
    await browser.post('/hand');
    await browser.post('/hand');
    expect(await app.get(SessionService).getAllSessionHandlesForUser('ada')).toHaveLength(2);
  });
});

describe('the options of a login', () => {
  it.each([
    [{ refusal: 200 }, /`refusal`|refusal/],
    [{ refusal: 401.5 }, /400 to 499/],
    [{ refusal: 'no' }, /number or a function/],
    [{ answer: {} }, /must be a function/],
    [{ revokePrevious: 'no' }, /must be a boolean/],
  ])('refuse %o when the handler is declared', (options, problem) => {
    expect(() => CreateSession(options as unknown as CreateSessionOptions)).toThrow(problem);
  });
});
