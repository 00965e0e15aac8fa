import {
  Inject,
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type InjectionToken,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SessionClaim } from './claims/session-claim.js';
import { SessionConfigurationError } from './errors/session-configuration.error.js';
import { sessionControllers } from './http/controllers/session-routes.js';
import { HandlerSurvey } from './http/handler-survey.js';
import { SessionKinds } from './http/session-kinds.js';
import { SessionExceptionFilter } from './http/session-exception.filter.js';
import { KeyRing } from './keys/key-ring.js';
import { isValidator } from './claims/session-claim-validator.js';
import { separateAsyncExtras, separateExtras } from './options/module-extras.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from './options/resolved-options.js';
import type { SessionModuleExtras } from './options/session-module-options.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { exportsOf } from './session-exports.js';
import { sessionProviders } from './session-providers.js';
import {
  ConfigurableModuleClass,
  type ASYNC_OPTIONS_TYPE,
  SESSION_MODULE_OPTIONS,
  type OPTIONS_TYPE,
} from './session.module-definition.js';
import { RegisteredClaims } from './session/edit/registered-claims.js';
import { ArrivalQueue } from './session/verify/arrival-queue.js';
import { SessionPruner } from './session/end/session-pruner.js';
import { checkSchema } from './store/check-schema.js';
import { sessionEntities } from './store/entities.js';
import { SessionDatabase } from './store/session-database.js';

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
  private readonly logger = new Logger('SessionModule');

  constructor(
    private readonly keys: KeyRing,
    private readonly feed: RevocationFeed,
    private readonly confirmations: ArrivalQueue,
    private readonly pruner: SessionPruner,
    private readonly database: SessionDatabase,
    private readonly registry: RegisteredClaims,
    private readonly modules: ModuleRef,
    private readonly handlers: HandlerSurvey,
    private readonly filter: SessionExceptionFilter,
    private readonly kinds: SessionKinds,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    super();
  }

  /**
   * Sets the module up with options that are known now.
   *
   * @throws {SessionConfigurationError} at start, naming every option that is wrong; at once for `isGlobal`, `dataSource`,
   * `apiBasePath` and `routes`, and for what is no options
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    const { extras, options: rest } = separateExtras(options);
    // Nest would read them by names such as `__proto__` too.
    const provider = { provide: SESSION_MODULE_OPTIONS, useValue: rest };
    return completed({ ...super.forRoot(extras), providers: [provider] }, extras);
  }

  /**
   * Sets the module up with options that a factory makes. What Nest must know before it runs (`isGlobal`, `dataSource`,
   * `apiBasePath`, `routes`) stands beside the factory.
   *
   * @throws {SessionConfigurationError} naming what is wrong with what stands there
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const { extras, factory } = separateAsyncExtras(options);
    return completed(super.forRootAsync(factory), extras);
  }

  /** Nest's hook for middleware, of which there is none: it comes after `useGlobalFilters` and before the routes are made. */
  configure(): void {
    this.filter.goBeforeOtherFilters();
  }

  /** Reads the keys, so that a database that is not ready is noticed now and not at the first login. */
  async onModuleInit(): Promise<void> {
    this.kinds.check();
    await checkSchema(this.database);
    if (this.options.encryptionKeys.length === 0 && process.env['NODE_ENV'] === 'production') {
      this.logger.warn(
        'No `encryptionKey`: whoever can read the database can log in as anybody. Set one (openssl rand -base64 32).',
      );
    }
    if (this.options.acceptsUnencryptedKeys) {
      this.logger.warn(
        "`encryptionKeyMigration: 'accept-unencrypted'` is on: whoever can write to the database can plant a key. " +
          'Keys are encrypted at each start with it, so take it out with the next deployment.',
      );
    }
    this.registerClaims();
    // After the claims, since what handlers ask is worked out here for good.
    this.handlers.check();
    // First, since it sets the clock that keys are dated by.
    await this.feed.start();
    await this.keys.start();
    this.pruner.start();
  }

  private registerClaims(): void {
    const claims = this.options.claims.map((each) =>
      each instanceof SessionClaim ? each : this.provided('claims', each),
    );
    const validators = this.options.globalClaimValidators.map((each) =>
      isValidator(each) ? each : this.provided('globalClaimValidators', each),
    );
    if (!claims.every((claim) => claim instanceof SessionClaim)) {
      throw new SessionConfigurationError('`claims` names a provider that is no session claim');
    }
    if (!validators.every(isValidator)) {
      throw new SessionConfigurationError(
        '`globalClaimValidators` names a provider that is no claim validator',
      );
    }
    this.registry.register(claims, validators);
  }

  private provided(option: string, token: InjectionToken): unknown {
    try {
      return this.modules.get<unknown>(token, { strict: false });
    } catch (cause) {
      const name = typeof token === 'function' ? token.name : String(token);
      throw new SessionConfigurationError(
        `\`${option}\` names a provider that is not there, or no singleton: ${name}`,
        { cause },
      );
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all([
      this.keys.stop(),
      this.feed.stop(),
      this.pruner.stop(),
      this.confirmations.flush(),
    ]);
  }

  /** Comes after the last request has been answered, and before TypeORM closes its connections. */
  async onApplicationShutdown(): Promise<void> {
    await this.confirmations.flush();
    this.database.breakOff();
  }
}

function completed(definition: DynamicModule, extras: SessionModuleExtras): DynamicModule {
  return {
    ...definition,
    global: extras.isGlobal ?? true,
    imports: [
      ...(definition.imports ?? []),
      TypeOrmModule.forFeature([...sessionEntities], extras.dataSource),
    ],
    providers: [...(definition.providers ?? []), ...sessionProviders(extras)],
    controllers: [...(definition.controllers ?? []), ...sessionControllers(extras)],
    exports: exportsOf(extras),
  };
}
