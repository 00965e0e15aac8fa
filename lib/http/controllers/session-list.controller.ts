import {
  Controller,
  Delete,
  Get,
  NotFoundException,
  Param,
  Res,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import type { Duration } from '../../time/duration.js';
import { SessionContainer } from '../../session/container/session-container.js';
import { SessionDirectory } from '../../session/verify/session-directory.js';
import { SessionOverview, type SessionSummary } from '../../session/session-overview.js';
import { SessionRevoker } from '../../session/end/session-revoker.js';
import { BUILT_IN_ROUTES } from '../../options/built-in-routes.js';
import { asHttpResponse } from '../context/http-response.js';
import { CurrentSession } from '../decorators/current-session.decorator.js';
import { RequireFresh } from '../decorators/require-fresh.decorator.js';
import { VerifySession } from '../decorators/verify-session.decorator.js';
import { keepOutOfCaches } from '../transport/no-store.js';

/** `GET {base}/sessions`, `DELETE {base}/sessions/:handle`, `DELETE {base}/sessions`: the user's own, in this tenant. */
export function sessionListController(
  basePath: string,
  requireFresh?: Duration,
  kind?: string,
): Type {
  const ofKind = kind === undefined ? {} : { kind };
  const Ending = (): MethodDecorator =>
    requireFresh === undefined ? () => undefined : RequireFresh(requireFresh);

  @Controller({ path: basePath, version: VERSION_NEUTRAL })
  @VerifySession({ checkDatabase: true, ...ofKind })
  class SessionListController {
    constructor(
      private readonly overview: SessionOverview,
      private readonly directory: SessionDirectory,
      private readonly revoker: SessionRevoker,
    ) {}

    @Get(BUILT_IN_ROUTES.sessionList)
    async list(
      @CurrentSession() session: SessionContainer,
      @Res({ passthrough: true }) response: object,
    ): Promise<{ sessions: (SessionSummary & { isCurrent: boolean })[] }> {
      keepOutOfCaches(asHttpResponse(response));
      const sessions = await this.overview.list(session.getUserId(), session.getTenantId());
      const handle = session.getHandle();
      return {
        sessions: sessions.map((each) => ({ ...each, isCurrent: each.sessionHandle === handle })),
      };
    }

    @Delete(`${BUILT_IN_ROUTES.sessionList}/:handle`)
    @Ending()
    async end(
      @CurrentSession() session: SessionContainer,
      @Param('handle') handle: string,
    ): Promise<{ status: 'OK' }> {
      const found = await this.directory.find(handle);
      const isOwn =
        found?.userId === session.getUserId() && found.tenantId === session.getTenantId();
      // Somebody else's session is answered like one that is not there (CWE-639).
      if (!isOwn) throw new NotFoundException();
      if (handle === session.getHandle()) await session.revokeSession();
      else {
        await this.revoker.revoke([handle], { reason: 'revoked', detail: session.getUserId() });
      }
      return { status: 'OK' };
    }

    @Delete(BUILT_IN_ROUTES.sessionList)
    @Ending()
    async endOthers(
      @CurrentSession() session: SessionContainer,
    ): Promise<{ status: 'OK'; revoked: number }> {
      const revoked = await this.revoker.revokeAllOfUser(
        session.getUserId(),
        session.getTenantId(),
        { reason: 'revoked-others', detail: session.getUserId() },
        session.getHandle(),
      );
      return { status: 'OK', revoked: revoked.length };
    }
  }
  return SessionListController;
}
