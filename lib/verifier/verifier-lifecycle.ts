import { Inject, Injectable, Logger } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { refuse } from '../errors/flaw.js';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { FastifyReplies } from '../http/context/fastify-replies.js';
import type { GuardedRoute } from '../http/routes/guarded-routes.js';
import { HandlerSurvey } from '../http/routes/handler-survey.js';
import { SessionExceptionFilter } from '../http/refusals/session-exception.filter.js';
import { SessionKinds } from '../http/session-kinds.js';
import { LiveHandlers } from '../live/live-handlers.js';
import { findPart } from '../options/kind.js';
import { RegisteredClaims } from '../session/edit/registered-claims.js';
import { IssuerClient } from './issuer-client.js';
import { IssuerFeed } from './issuer-feed.js';
import { IssuerKeys } from './issuer-keys.js';
import {
  RESOLVED_VERIFIER_OPTIONS,
  type ResolvedVerifierOptions,
} from './resolve-verifier-options.js';

/** A name that is the same in every kind, like the class of the module. */
export const VERIFIER_LIFECYCLE = 'nestjs-auth-sessions:verifier-lifecycle';

/** Starts and stops the work behind the requests, for the hooks of the module. */
@Injectable()
export class VerifierLifecycle {
  private readonly logger = new Logger('SessionVerifierModule');

  constructor(
    private readonly client: IssuerClient,
    private readonly keys: IssuerKeys,
    private readonly feed: IssuerFeed,
    private readonly registry: RegisteredClaims,
    private readonly handlers: HandlerSurvey,
    private readonly filter: SessionExceptionFilter,
    private readonly replies: FastifyReplies,
    private readonly liveHandlers: LiveHandlers,
    private readonly modules: ModulesContainer,
    @Inject(RESOLVED_VERIFIER_OPTIONS) private readonly options: ResolvedVerifierOptions,
  ) {}

  beforeRoutes(): void {
    this.filter.goBeforeOtherFilters();
    this.replies.keep();
    this.liveHandlers.beforeRoutes();
  }

  /** Reads keys and revocations, so that no request is judged before. The service starts even if the issuer is away. */
  async start(): Promise<void> {
    this.refuseNamesake();
    this.registry.register([], this.options.globalClaimValidators);
    refuse(this.handlers.flaws());
    this.handlers.readRequirements((route) => this.impossibleHere(route));
    this.warn();
    await this.feed.start();
    await this.keys.start();
  }

  async stop(): Promise<void> {
    this.client.stop();
    await Promise.all([this.keys.stop(), this.feed.stop()]);
  }

  // Nest would give handlers the guard of either.
  private refuseNamesake(): void {
    const { kind } = this.options;
    const ofKind = [...this.modules.values()].filter(({ providers }) => {
      const kinds = findPart(providers, SessionKinds);
      return kinds !== undefined && kinds.own === kind;
    });
    const rivals = kind === undefined ? ofKind.filter(({ isGlobal }) => isGlobal) : ofKind;
    if (rivals.length < 2) return;
    throw new SessionConfigurationError(
      kind === undefined
        ? 'Two modules verify sessions everywhere, and @VerifySession() would mean either. Give one a `kind`: ' +
            "SessionVerifierModule.forRoot({ kind: 'staff', … }), and @VerifySession({ kind: 'staff' }) on its handlers."
        : `Two modules verify the kind of sessions ${kind}. Import one, and use it everywhere.`,
    );
  }

  private impossibleHere({ options }: GuardedRoute): string | undefined {
    if (options.checkDatabase !== true || options.kind !== this.options.kind) return undefined;
    return 'requires `checkDatabase`, but a SessionVerifierModule has no database. Remove it.';
  }

  private warn(): void {
    const { revocations, isWithoutRevocationsOnPurpose, url, kind, messageToken } = this.options;
    if (revocations === false && !isWithoutRevocationsOnPurpose) {
      this.logger.warn(
        'No `revocations`: a session that the issuer has revoked is accepted here until its access token ends. ' +
          'Give the secret of its feed, or set `revocations: false`.',
      );
    }
    const messages = messageToken === undefined ? this.handlers.guardedMessages(kind) : [];
    if (messages.length > 0) {
      this.logger.warn(
        `${messages.join(', ')}: a session is required, but nothing says where a message has its token, so each call ` +
          'fails. Set `messages.token`, unless a SessionGuard of your own finds it.',
      );
    }
    if (process.env['NODE_ENV'] === 'production' && url.startsWith('http:')) {
      this.logger.warn(
        'The issuer is asked over plain http: anyone on the network path can give this service their own keys.',
      );
    }
  }
}
