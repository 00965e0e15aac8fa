import { Inject, Injectable, Logger } from '@nestjs/common';
import { refuse, type Flaw } from './errors/flaw.js';
import { FastifyReplies } from './http/context/fastify-replies.js';
import { CookiePaths } from './http/routes/cookie-paths.js';
import { HandlerSurvey } from './http/routes/handler-survey.js';
import { SessionExceptionFilter } from './http/refusals/session-exception.filter.js';
import { SessionKinds } from './http/session-kinds.js';
import { START_FLAWS, type StartFlaws } from './inspection/start-flaws.js';
import { KeyRing } from './keys/key-ring.js';
import { Gateways } from './live/gateways.js';
import { LiveHandlers } from './live/live-handlers.js';
import { encryptionFlaws } from './options/encryption-flaws.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from './options/resolved-options.js';
import { RevocationFeed } from './revocation/revocation-feed.js';
import { ClaimProviders } from './session/edit/claim-providers.js';
import { SessionPruner } from './session/end/session-pruner.js';
import { ArrivalQueue } from './session/verify/arrival-queue.js';
import { checkSchema } from './store/check-schema.js';
import { SessionDatabase } from './store/session-database.js';

/** A name that is the same in every kind, like the class of the module. */
export const SESSION_LIFECYCLE = 'nestjs-auth-sessions:lifecycle';

/** Starts and stops the work behind the requests, for the hooks of the module. */
@Injectable()
export class SessionLifecycle implements StartFlaws {
  private readonly logger = new Logger('SessionModule');

  constructor(
    private readonly keys: KeyRing,
    private readonly feed: RevocationFeed,
    private readonly confirmations: ArrivalQueue,
    private readonly pruner: SessionPruner,
    private readonly database: SessionDatabase,
    private readonly claims: ClaimProviders,
    private readonly handlers: HandlerSurvey,
    private readonly gateways: Gateways,
    private readonly cookiePaths: CookiePaths,
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

  flaws(): Flaw[] {
    const parts = [this.kinds, this.claims, this.gateways].flatMap((each) => each.flaw() ?? []);
    return [...parts, ...this.handlers.flaws()];
  }

  serverFlaw(): Flaw | undefined {
    return this.gateways.serverFlaw();
  }

  /** Reads the keys, so that a database that is not ready is noticed now, not at the first login. */
  async start(): Promise<void> {
    refuse(this.flaws());
    await checkSchema(this.database);
    const isProduction = process.env['NODE_ENV'] === 'production';
    const flaws = [...encryptionFlaws(this.options, isProduction), ...this.cookiePaths.flaws()];
    for (const { cause, cure } of flaws) {
      this.logger.warn(`${cause} ${cure}`);
    }
    this.claims.register();
    this.handlers.readRequirements();
    // First, because it sets the clock that dates keys.
    await this.feed.start();
    await this.keys.start();
    this.pruner.start();
  }

  /** Stops what no request needs. */
  async stop(): Promise<void> {
    // They read on, and TypeORM may close the database before they stop.
    this.keys.reloadTask.beQuiet();
    this.feed.task.beQuiet();
    await Promise.all([this.pruner.stop(), this.confirmations.flush()]);
  }

  /** Stops the rest, once no request is answered any more. */
  async end(): Promise<void> {
    await Promise.all([this.keys.stop(), this.feed.stop(), this.confirmations.flush()]);
    this.database.breakOff();
  }
}

/** The providers of the module's lifecycle, in every kind. */
export const LIFECYCLE_PROVIDERS = [
  SessionLifecycle,
  { provide: SESSION_LIFECYCLE, useExisting: SessionLifecycle },
  { provide: START_FLAWS, useExisting: SessionLifecycle },
];
