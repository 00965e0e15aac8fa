import {
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { sessionControllers } from './http/controllers/session-routes.js';
import { separateAsyncExtras, separateExtras } from './options/module-extras.js';
import type { SessionModuleExtras } from './options/session-module-options.js';
import { injectOfKind } from './providers-of-kind.js';
import { exportsOf } from './exported-providers.js';
import { SESSION_LIFECYCLE, SessionLifecycle } from './session-lifecycle.js';
import { sessionProviders } from './session-providers.js';
import {
  ConfigurableModuleClass,
  type ASYNC_OPTIONS_TYPE,
  SESSION_MODULE_OPTIONS,
  type OPTIONS_TYPE,
} from './session.module-definition.js';
import { sessionEntities } from './store/entities.js';

/**
 * Login sessions in the application's own database.
 *
 * @example
 * ```ts
 * imports: [TypeOrmModule.forRoot({ ..., autoLoadEntities: true }), SessionModule.forRoot()]
 * ```
 * @publicApi
 */
@Module({})
export class SessionModule
  extends ConfigurableModuleClass
  implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
{
  /** @internal */
  constructor(@Inject(SESSION_LIFECYCLE) private readonly lifecycle: SessionLifecycle) {
    super();
  }

  /**
   * Sets up the module with options known now.
   *
   * @throws {SessionConfigurationError} at start, naming every wrong option; immediately for `kind`, `isGlobal`,
   * `dataSource`, `apiBasePath` and `routes`, and if there is no options object
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    const { extras, options: rest } = separateExtras(options);
    // Otherwise Nest would also read names such as `__proto__`.
    const provider = { provide: SESSION_MODULE_OPTIONS, useValue: rest };
    return completed({ ...super.forRoot(extras), providers: [provider] }, extras);
  }

  /**
   * Sets up the module with options from a factory. Settings that Nest needs before the factory runs (`kind`,
   * `isGlobal`, `dataSource`, `apiBasePath`, `routes`) belong beside the factory.
   *
   * @throws {SessionConfigurationError} if any of these settings is wrong
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const { extras, factory } = separateAsyncExtras(options);
    return completed(super.forRootAsync(factory), extras);
  }

  /**
   * Nest's hook for middleware. There is none, but the hook comes after `useGlobalFilters` and before the routes are
   * made.
   */
  configure(): void {
    this.lifecycle.beforeRoutes();
  }

  onModuleInit(): Promise<void> {
    return this.lifecycle.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.lifecycle.stop();
  }

  /** Runs after the last request has been answered. By the order of imports, TypeORM may have closed its connections. */
  onApplicationShutdown(): Promise<void> {
    return this.lifecycle.end();
  }
}

function completed(definition: DynamicModule, extras: SessionModuleExtras): DynamicModule {
  const { kind } = extras;
  const providers = sessionProviders(extras);
  const controllers = sessionControllers(extras);
  if (kind !== undefined) for (const each of controllers) injectOfKind(kind, each);
  return {
    ...definition,
    global: extras.isGlobal ?? true,
    imports: [
      ...(definition.imports ?? []),
      TypeOrmModule.forFeature([...sessionEntities], extras.dataSource),
    ],
    providers: [...(definition.providers ?? []), ...providers],
    controllers: [...(definition.controllers ?? []), ...controllers],
    exports: exportsOf(extras),
  };
}
