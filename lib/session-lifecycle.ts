import { Inject, Injectable, Logger, type InjectionToken } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SessionClaim } from './claims/session-claim.js';
import { isValidator } from './claims/session-claim-validator.js';
import { SessionConfigurationError } from './errors/session-configuration.error.js';
import { FastifyReplies } from './http/context/fastify-replies.js';
import { HandlerSurvey } from './http/handler-survey.js';
import { SessionExceptionFilter } from './http/session-exception.filter.js';
import { SessionKinds } from './http/session-kinds.js';
import { KeyRing } from './keys/key-ring.js';
import { LiveHandlers } from './live/live-handlers.js';
import { encryptionFlaws } from './options/encryption-flaws.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from './options/resolved-options.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { RegisteredClaims } from './session/edit/registered-claims.js';
import { SessionPruner } from './session/end/session-pruner.js';
import { ArrivalQueue } from './session/verify/arrival-queue.js';
import { checkSchema } from './store/check-schema.js';
import { SessionDatabase } from './store/session-database.js';

/** A name that is the same in every kind, like the class of the module. */
export const SESSION_LIFECYCLE = 'nestjs-auth-sessions:lifecycle';

/** Starts and stops the work behind the requests, for the hooks of the module. */
@Injectable()
export class SessionLifecycle {
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
    private readonly replies: FastifyReplies,
    private readonly liveHandlers: LiveHandlers,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  beforeRoutes(): void {
    this.filter.goBeforeOtherFilters();
    this.replies.keep();
    this.liveHandlers.beforeRoutes();
  }

  /** Reads the keys, so that a database that is not ready is noticed now, not at the first login. */
  async start(): Promise<void> {
    this.kinds.check();
    await checkSchema(this.database);
    const isProduction = process.env['NODE_ENV'] === 'production';
    for (const { cause, cure } of encryptionFlaws(this.options, isProduction)) {
      this.logger.warn(`${cause} ${cure}`);
    }
    this.registerClaims();
    // After the claims, because this fixes the requirements of handlers.
    this.handlers.check();
    // First, because it sets the clock that dates keys.
    await this.feed.start();
    await this.keys.start();
    this.pruner.start();
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.keys.stop(),
      this.feed.stop(),
      this.pruner.stop(),
      this.confirmations.flush(),
    ]);
  }

  async end(): Promise<void> {
    await this.confirmations.flush();
    this.database.breakOff();
  }

  private registerClaims(): void {
    const claims = this.options.claims.map((each) =>
      each instanceof SessionClaim ? each : this.provided('claims', each),
    );
    const validators = this.options.globalClaimValidators.map((each) =>
      isValidator(each) ? each : this.provided('globalClaimValidators', each),
    );
    if (!claims.every((claim) => claim instanceof SessionClaim)) {
      throw new SessionConfigurationError('`claims` names a provider that is not a session claim');
    }
    if (!validators.every(isValidator)) {
      throw new SessionConfigurationError(
        '`globalClaimValidators` names a provider that is not a claim validator',
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
        `\`${option}\` names a provider that is missing or not a singleton: ${name}`,
        { cause },
      );
    }
  }
}

/** The providers of the module's lifecycle, in every kind. */
export const LIFECYCLE_PROVIDERS = [
  SessionLifecycle,
  { provide: SESSION_LIFECYCLE, useExisting: SessionLifecycle },
];
