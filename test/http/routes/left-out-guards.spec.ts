import { Module, type Provider, type Type } from '@nestjs/common';
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
import { describe, expect, it } from 'vitest';
import { SessionGuard, SessionModule, VerifySession } from '../../../lib/index.js';

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

async function start(providers: Provider[], imports: Type[] = []): Promise<void> {
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
