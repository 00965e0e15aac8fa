import {
  Controller,
  Delete,
  Get,
  NotFoundException,
  Param,
  Query,
  Res,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { durationToMs, type Duration } from '../../time/duration.js';
import { NO_DEVICE } from '../../session/device/device-info.js';
import { SessionContainer } from '../../session/container/session-container.js';
import { SessionDirectory } from '../../session/verify/session-directory.js';
import { SessionOverview, type SessionSummary } from '../../session/session-overview.js';
import { pageOfQuery } from '../../session/input/session-page.js';
import { SessionRevoker } from '../../session/end/session-revoker.js';
import { UserRevoker } from '../../session/end/user-revoker.js';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { asHttpResponse } from '../context/http-response.js';
import { CurrentSession } from '../decorators/current-session.decorator.js';
import { VerifySession } from '../decorators/verify-session.decorator.js';
import { RequireFreshMetadata } from '../decorators/verify-session.metadata.js';
import { keepOutOfCaches } from '../transport/no-store.js';

/** A session as its user sees it: it shows that somebody else acts, but not who, why or from where. */
type ListedSession = Omit<SessionSummary, 'actor'> & {
  isCurrent: boolean;
  isImpersonated?: true;
};

const DEVICE_OF_ACTOR = { ...NO_DEVICE, name: null };

/**
 * `GET {base}/sessions`, `DELETE {base}/sessions/:handle`, `DELETE {base}/sessions`: the user's own sessions in this
 * tenant.
 */
export function sessionListController(
  basePath: string,
  decorated: MethodDecorator,
  requireFresh?: Duration,
  kind?: string,
): Type {
  const ofKind = kind === undefined ? {} : { kind };
  const maxAgeMs = requireFresh === undefined ? undefined : durationToMs(requireFresh);
  // The class's guard enforces this: `RequireFresh` would bring the guard of the module without a kind.
  const Ending = (): MethodDecorator =>
    maxAgeMs === undefined ? () => undefined : RequireFreshMetadata(maxAgeMs);

  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @VerifySession({ checkDatabase: true, ...ofKind })
  class SessionListController {
    constructor(
      private readonly overview: SessionOverview,
      private readonly directory: SessionDirectory,
      private readonly revoker: SessionRevoker,
      private readonly userRevoker: UserRevoker,
    ) {}

    @Get(BUILT_IN_ROUTES.sessionList)
    @decorated
    async list(
      @CurrentSession() session: SessionContainer,
      @Res({ passthrough: true }) response: object,
      @Query() query: Record<string, unknown>,
    ): Promise<{ sessions: ListedSession[]; next?: string }> {
      keepOutOfCaches(asHttpResponse(response));
      const page = pageOfQuery(query);
      const found = await this.overview.list(session.getUserId(), session.getTenantId(), {
        ...page,
        limit: page.limit + 1,
      });
      const sessions = found.slice(0, page.limit);
      const handle = session.getHandle();
      return {
        ...(found.length > page.limit ? { next: sessions.at(-1)?.sessionHandle ?? '' } : {}),
        sessions: sessions.map(({ actor, ...each }) => ({
          ...each,
          isCurrent: each.sessionHandle === handle,
          ...(actor === undefined
            ? {}
            : { isImpersonated: true as const, device: DEVICE_OF_ACTOR }),
        })),
      };
    }

    @Delete(`${BUILT_IN_ROUTES.sessionList}/:handle`)
    @decorated
    @Ending()
    async end(
      @CurrentSession() session: SessionContainer,
      @Param('handle') handle: string,
    ): Promise<{ status: 'OK' }> {
      const found = await this.directory.find(handle);
      const isOwn =
        found?.userId === session.getUserId() && found.tenantId === session.getTenantId();
      // Another user's session gets the same answer as a session that does not exist (CWE-639).
      if (!isOwn) throw new NotFoundException();
      if (handle === session.getHandle()) await session.revokeSession();
      else {
        await this.revoker.revoke([handle], { reason: 'revoked', detail: personIn(session) });
      }
      return { status: 'OK' };
    }

    @Delete(BUILT_IN_ROUTES.sessionList)
    @decorated
    @Ending()
    async endOthers(
      @CurrentSession() session: SessionContainer,
    ): Promise<{ status: 'OK'; revoked: number }> {
      const revoked = await this.userRevoker.revokeAll(
        session.getUserId(),
        session.getTenantId(),
        { reason: 'revoked-others', detail: personIn(session) },
        session.getHandle(),
      );
      return { status: 'OK', revoked: revoked.length };
    }
  }
  return SessionListController;
}

function personIn(session: SessionContainer): string {
  return session.getActor()?.userId ?? session.getUserId();
}
