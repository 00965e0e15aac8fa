import { Controller, Get, Module, UseGuards, type Provider, type Type } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import {
  Field,
  GraphQLModule,
  Int,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
} from '@nestjs/graphql';
import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import nest from '@nestjs/core/package.json' with { type: 'json' };
import { describe, expect, it } from 'vitest';
import {
  ForbidImpersonation,
  PublicAccess,
  RequireFresh,
  SessionGuard,
  SessionModule,
  VerifySession,
} from '../../../lib/index.js';
import { Wrapped, WrappedWithMetadata } from '../../support/wrapped.decorator.js';

@Resolver()
class OpenResolver {
  @Query(() => String)
  open(): string {
    return 'open';
  }
}

@Resolver()
class OrdersResolver {
  @Query(() => [String])
  @VerifySession({ roles: ['admin'] })
  orders(): string[] {
    return ['1'];
  }
}

@WebSocketGateway()
@VerifySession()
class ChatGateway {
  @SubscribeMessage('say')
  say(): string {
    return 'said';
  }
}

@ObjectType()
class User {
  @Field(() => String)
  name!: string;
}

@Resolver(() => User)
class UserResolver {
  @Query(() => User)
  user(): User {
    return { name: 'Ada' };
  }

  @ResolveField(() => Int)
  @VerifySession({ roles: ['admin'] })
  salary(): number {
    return 1;
  }
}

/** A class with a guarded method that nobody calls through Nest. */
class Orders {
  @VerifySession()
  all(): string[] {
    return [];
  }
}

@Controller('reports')
class ReplacedController {
  @Get()
  @Wrapped
  @VerifySession({ roles: ['admin'] })
  report(): string {
    return 'secret';
  }
}

@Controller('reports')
class HalfReplacedController {
  @Get()
  @RequireFresh('10m')
  @Wrapped
  @VerifySession({ roles: ['admin'] })
  report(): string {
    return 'secret';
  }
}

@Controller('inherited')
class InheritingController extends ReplacedController {}

@Resolver()
class ReplacedResolver {
  @Query(() => String)
  @Wrapped
  @ForbidImpersonation()
  report(): string {
    return 'secret';
  }
}

@WebSocketGateway()
class ReplacedGateway {
  @SubscribeMessage('report')
  @Wrapped
  @VerifySession()
  report(): string {
    return 'secret';
  }
}

class GuardedMessages {
  @SubscribeMessage('say')
  @VerifySession()
  say(): string {
    return 'said';
  }
}

@WebSocketGateway()
class OverridingGateway extends GuardedMessages {
  @SubscribeMessage('say')
  override say(): string {
    return 'said by anybody';
  }
}

class GuardedReports {
  @Get('all')
  @VerifySession()
  all(): string {
    return 'all';
  }

  @Get('secret')
  @VerifySession({ roles: ['admin'] })
  secret(): string {
    return 'secret';
  }
}

@Controller()
class OverridingController extends GuardedReports {
  @Get('secret')
  override secret(): string {
    return 'another secret';
  }
}

@Controller()
class PlainOverridingController extends GuardedReports {
  @Get('all')
  override all(): string {
    return 'all and more';
  }
}

@Controller()
class OutspokenController extends GuardedReports {
  // No route: it is called by the one below alone.
  override all(): string {
    return 'all';
  }

  @Get('secret')
  @PublicAccess()
  override secret(): string {
    return 'told to everybody';
  }
}

@Controller()
@VerifySession({ roles: ['editor'] })
class SpeakingController extends GuardedReports {
  @Get('secret')
  override secret(): string {
    return 'told to editors';
  }
}

@VerifySession({ sessionRequired: false })
abstract class GuestsWelcome {
  @Get('me')
  @VerifySession()
  me(): string {
    return 'of a user';
  }
}

@Controller()
class LettingGuestsInController extends GuestsWelcome {
  @Get('me')
  override me(): string {
    return 'of anybody';
  }
}

@PublicAccess()
abstract class OpenToAll {
  @Get('me')
  @VerifySession()
  me(): string {
    return 'of a user';
  }
}

@Controller()
class BelowOpenController extends OpenToAll {
  @Get('me')
  override me(): string {
    return 'of anybody';
  }
}

abstract class GuardedByHand {
  @Get('me')
  @UseGuards(SessionGuard)
  me(): string {
    return 'of a user';
  }
}

@Controller()
class BelowGuardedByHandController extends GuardedByHand {
  @Get('me')
  override me(): string {
    return 'of anybody';
  }
}

@RequireFresh('1h')
abstract class FreshWithinAnHour {
  @Get('me')
  @RequireFresh('10m')
  me(): string {
    return 'of a user';
  }
}

@Controller()
class LessFreshController extends FreshWithinAnHour {
  @Get('me')
  override me(): string {
    return 'of a user of an hour ago';
  }
}

@VerifySession()
abstract class OfTheUserAlone {
  @Get('me')
  @ForbidImpersonation()
  me(): string {
    return 'of the user alone';
  }
}

@Controller()
class OpenToActorsController extends OfTheUserAlone {
  @Get('me')
  override me(): string {
    return 'of who acts as the user';
  }
}

@VerifySession({ roles: ['admin'], checkDatabase: true })
@RequireFresh('10m')
@ForbidImpersonation()
abstract class AskingByClass {
  @Get('me')
  @VerifySession({ roles: ['admin'], checkDatabase: true, bound: false, permissions: [] })
  @RequireFresh('1h')
  @ForbidImpersonation()
  me(): string {
    return 'of an admin';
  }
}

@Controller()
class AskedByClassController extends AskingByClass {
  @Get('me')
  override me(): string {
    return 'of another admin';
  }
}

abstract class OptionalAnyway {
  @Get('me')
  @VerifySession({ sessionRequired: false })
  me(): string {
    return 'of anybody';
  }
}

@Controller()
class OptionalNoMoreController extends OptionalAnyway {
  @Get('me')
  override me(): string {
    return 'of nobody';
  }
}

@Controller('reports')
class VerifiedAboveController {
  @Get()
  @VerifySession({ checkDatabase: true })
  @Wrapped
  @VerifySession({ roles: ['admin'] })
  report(): string {
    return 'secret';
  }
}

@Controller('reports')
class AskedAgainController {
  @Get()
  @VerifySession({ roles: ['admin'], checkDatabase: true })
  @Wrapped
  @VerifySession({ roles: ['admin'] })
  report(): string {
    return 'secret';
  }
}

@Controller('reports')
class CopyingController {
  @Get()
  @VerifySession({ checkDatabase: true })
  @WrappedWithMetadata
  @VerifySession({ roles: ['admin'] })
  @RequireFresh('10m')
  report(): string {
    return 'secret';
  }
}

@Controller()
class GuardedAboveController {
  @Get()
  @VerifySession()
  @Wrapped
  report(): string {
    return 'secret';
  }
}

const forAll: Provider = { provide: APP_GUARD, useExisting: SessionGuard };

async function start(
  providers: Provider[],
  imports: Type[] = [],
  controllers: Type[] = [],
): Promise<void> {
  @Module({
    imports: [
      TypeOrmModule.forRoot({
        type: 'better-sqlite3',
        database: ':memory:',
        autoLoadEntities: true,
        synchronize: true,
      }),
      SessionModule.forRoot(),
      GraphQLModule.forRoot<MercuriusDriverConfig>({
        driver: MercuriusDriver,
        autoSchemaFile: true,
        fieldResolverEnhancers: ['guards'],
      }),
      ...imports,
    ],
    providers,
    controllers,
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false });
  try {
    await app.init();
  } finally {
    await app.close();
  }
}

describe('a start with a guarded handler whose guard Nest leaves out', () => {
  it.each<[string, Provider]>([
    ['OrdersResolver.orders', { provide: OrdersResolver, useFactory: () => new OrdersResolver() }],
    ['OrdersResolver.orders', { provide: 'orders', useValue: new OrdersResolver() }],
    ['UserResolver.salary', { provide: UserResolver, useFactory: () => new UserResolver() }],
  ])('fails and names %s', async (name, provider) => {
    const starting = start([OpenResolver, provider]);
    await expect(starting).rejects.toThrow(
      `${name} requires a session, but Nest runs no guard on it`,
    );
    await expect(starting).rejects.toThrow(`List ${name.split('.')[0]} itself in \`providers\``);
  });

  it.each<[string, Provider[]]>([
    ['lists the classes themselves', [OrdersResolver, ChatGateway]],
    [
      'has a guard for the whole application, which guards resolvers however they are made',
      [
        { provide: APP_GUARD, useExisting: SessionGuard },
        OpenResolver,
        { provide: OrdersResolver, useFactory: () => new OrdersResolver() },
      ],
    ],
    [
      'has a gateway that a factory makes, which Nest does not connect',
      [OpenResolver, { provide: ChatGateway, useFactory: () => new ChatGateway() }],
    ],
    [
      'names a listed resolver by another token',
      [OrdersResolver, { provide: 'orders', useExisting: OrdersResolver }],
    ],
    [
      'puts a stand-in without handlers in place of a class',
      [OpenResolver, { provide: OrdersResolver, useValue: { notify: () => undefined } }],
    ],
    [
      'guards only methods that Nest does not call',
      [OpenResolver, { provide: Orders, useFactory: () => new Orders() }],
    ],
    [
      'has values of all sorts',
      [
        OpenResolver,
        { provide: 'null', useValue: null },
        { provide: 'number', useValue: 1 },
        { provide: 'function', useValue: () => undefined },
      ],
    ],
  ])('does not fail where the application %s', async (_, providers) => {
    await expect(start(providers)).resolves.toBeUndefined();
  });

  it.each<[string, Provider[], Type[]]>([
    ['ReplacedController.report', [], [ReplacedController]],
    ['ReplacedController.report', [forAll], [ReplacedController]],
    ['HalfReplacedController.report', [], [HalfReplacedController]],
    ['InheritingController.report', [], [InheritingController]],
    ['ReplacedResolver.report', [ReplacedResolver], []],
    ['ReplacedGateway.report', [ReplacedGateway], []],
    ['ReplacedGateway.report', [forAll, ReplacedGateway], []],
  ])(
    'does not start with a guarded handler that a decorator above has replaced: %s',
    async (name, providers, controllers) => {
      const starting = start([OpenResolver, ...providers], [], controllers);
      await expect(starting).rejects.toThrow(`${name} has lost what @VerifySession()`);
      await expect(starting).rejects.toThrow('Put ours above the decorator that replaces');
    },
  );

  it.each<[string, Provider[], Type]>([
    ['OverridingController.secret', [], OverridingController],
    ['OverridingController.secret', [forAll], OverridingController],
    ['PlainOverridingController.all', [], PlainOverridingController],
  ])(
    'does not start with a handler that overrides a guarded one, and says nothing: %s',
    async (name, providers, controller) => {
      const starting = start([OpenResolver, ...providers], [], [controller]);
      await expect(starting).rejects.toThrow(`${name} overrides a handler that requires a session`);
    },
  );

  it('does not start with a handler whose roles are below the decorator that replaces it, even with another @VerifySession() above', async () => {
    const starting = start([OpenResolver], [], [VerifiedAboveController]);
    await expect(starting).rejects.toThrow('VerifiedAboveController.report has lost what');
  });

  it.each<[string, Provider[], Type]>([
    ['LettingGuestsInController.me', [], LettingGuestsInController],
    ['LettingGuestsInController.me', [forAll], LettingGuestsInController],
    ['BelowOpenController.me', [], BelowOpenController],
    ['BelowGuardedByHandController.me', [], BelowGuardedByHandController],
  ])(
    'does not start with an override that lets guests in where the handler above required a session: %s',
    async (name, providers, controller) => {
      const starting = start([OpenResolver, ...providers], [], [controller]);
      await expect(starting).rejects.toThrow(`${name} overrides a handler that requires a session`);
    },
  );

  it('asks an override in a gateway for a decorator where the guard of the application does not reach it: before Nest 12', async () => {
    const starting = start([OpenResolver, forAll, OverridingGateway]);
    const [{ status }] = await Promise.allSettled([starting]);
    expect(status).toBe(Number.parseInt(nest.version) >= 12 ? 'fulfilled' : 'rejected');
  });

  it.each<[string, Type]>([
    ['LessFreshController.me', LessFreshController],
    ['OpenToActorsController.me', OpenToActorsController],
  ])(
    'does not start with an override of a guarded class that asks for less: %s',
    async (name, controller) => {
      const starting = start([OpenResolver], [], [controller]);
      await expect(starting).rejects.toThrow(`${name} overrides a handler that requires a session`);
    },
  );

  it('starts where the class of the handler above asks for the same as the handler that is overridden', async () => {
    await expect(start([OpenResolver], [], [AskedByClassController])).resolves.toBeUndefined();
  });

  it.each<[string, Provider[], Type]>([
    ['our decorator is above the one that replaces', [], GuardedAboveController],
    ['an override says who may pass, or is no route', [], OutspokenController],
    ['the class of an override says who may pass', [], SpeakingController],
    ['the application asks for the same', [forAll], PlainOverridingController],
    ['the application asks for the same as a class that is open', [forAll], BelowOpenController],
    ['an override of a handler for guests says nothing', [], OptionalNoMoreController],
    ['ours above asks for all that the one below asks for', [], AskedAgainController],
    ['the decorator that replaces copies the metadata', [], CopyingController],
  ])('starts where %s', async (_, providers, controller) => {
    await expect(start([OpenResolver, ...providers], [], [controller])).resolves.toBeUndefined();
  });

  it('does not fail where another module gives a listed class another name', async () => {
    @Module({ providers: [OrdersResolver, ChatGateway], exports: [OrdersResolver, ChatGateway] })
    class OrdersModule {}
    @Module({
      imports: [OrdersModule],
      providers: [
        { provide: 'chat', useExisting: ChatGateway },
        { provide: 'orders', inject: [OrdersResolver], useFactory: (orders: object) => orders },
      ],
    })
    class AlertsModule {}
    await expect(start([], [AlertsModule])).resolves.toBeUndefined();
  });
});
