import {
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { readFactory } from '../options/async-factory.js';
import { isKind, KINDS_ALLOWED } from '../options/kind.js';
import type { OptionReader } from '../options/option-reader.js';
import { readConfiguration } from '../options/read-configuration.js';
import {
  ConfigurableModuleClass,
  SESSION_VERIFIER_OPTIONS,
  type ASYNC_OPTIONS_TYPE,
  type OPTIONS_TYPE,
} from './session-verifier.module-definition.js';
import type { SessionVerifierExtras } from './session-verifier-options.js';
import { VERIFIER_LIFECYCLE, VerifierLifecycle } from './verifier-lifecycle.js';
import { verifierExports, verifierProviders } from './verifier-providers.js';

const MODULE = 'SessionVerifierModule';

/**
 * Verifies the sessions of another service, its issuer, without a database.
 *
 * @example
 * ```ts
 * imports: [SessionVerifierModule.forRoot({
 *   issuer: 'https://api.example.com/auth',
 *   revocations: { secret: process.env.SESSION_FEED_SECRET },
 * })]
 * ```
 * @publicApi
 */
@Module({})
export class SessionVerifierModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationShutdown
{
  /** @internal */
  constructor(@Inject(VERIFIER_LIFECYCLE) private readonly lifecycle: VerifierLifecycle) {
    super();
  }

  /**
   * Sets up the module with options that are known now.
   *
   * @throws {SessionConfigurationError} at start, naming every wrong option; immediately for `kind` and `isGlobal`, and
   * if there is no options object
   */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    const { extras, others } = separate(options, 'its options', (reader) => reader.others());
    const provider = { provide: SESSION_VERIFIER_OPTIONS, useValue: others };
    return completed(
      { ...super.forRoot({ ...extras, issuer: '' }), providers: [provider] },
      extras,
    );
  }

  /**
   * Sets up the module with options from a factory; `kind` and `isGlobal` belong beside it.
   *
   * @throws {SessionConfigurationError} if `kind` or `isGlobal` is wrong, or there is no factory
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    const { extras, others } = separate(options, 'the options of `forRootAsync`', (reader) =>
      readFactory(reader, MODULE),
    );
    return completed(super.forRootAsync(others), extras);
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

  /** Runs after the last request has been answered. Until then, revocations must be learned. */
  onApplicationShutdown(): Promise<void> {
    return this.lifecycle.stop();
  }
}

interface Separated {
  readonly extras: SessionVerifierExtras;
  /** All other options, which are read at start, or the factory that makes them. */
  readonly others: object;
}

function separate(
  written: unknown,
  what: string,
  readOthers: (reader: OptionReader) => object,
): Separated {
  const read = (reader: OptionReader): Separated => {
    const kind = reader.string('kind', isKind, KINDS_ALLOWED);
    const isGlobal = reader.boolean('isGlobal', true);
    return {
      extras: { ...(kind !== undefined && { kind }), isGlobal },
      others: readOthers(reader),
    };
  };
  return readConfiguration(written, what, read, MODULE);
}

function completed(definition: DynamicModule, extras: SessionVerifierExtras): DynamicModule {
  return {
    ...definition,
    global: extras.isGlobal ?? true,
    providers: [...(definition.providers ?? []), ...verifierProviders(extras)],
    exports: verifierExports(extras),
  };
}
