import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { kindOf } from '../../options/option-checks.js';
import { SessionContainer } from '../../session/container/session-container.js';
import { readOptions, readSafely } from '../../session/input/function-arguments.js';
import { checkReason, checkTenantId, checkUserId } from '../../session/input/session-input.js';
import type { ImpersonationRequest } from '../../session/issue/session-impersonator.js';
import { durationToMs, type Duration } from '../../time/duration.js';
import { DAY_MS } from '../../time/units.js';

const NAMES = [
  'actor',
  'userId',
  'tenantId',
  'reason',
  'lifetime',
  'accessTokenPayload',
  'sessionDataInDatabase',
] as const;

/** The actor, the user as whom they act, the reason and the duration. @publicApi */
export interface ImpersonateOptions {
  /** The actor's session. @default the session of the request, which the guard has verified */
  actor?: SessionContainer;
  /** The user as whom they act. */
  userId: string;
  /** @default 'public' */
  tenantId?: string;
  /** The reason, for events, `explain` and the list of sessions: 1 to 255 characters. */
  reason: string;
  /** The longest duration, up to a day; never longer than the actor's own session. @default '1h' */
  lifetime?: Duration;
  /** As for a login. @default {} */
  accessTokenPayload?: Partial<AccessTokenPayload>;
  /** As for a login. @default {} */
  sessionDataInDatabase?: object;
}

/**
 * @param ofRequest finds the session that the guard has verified, if it has
 * @throws {SessionInputException}
 */
export function checkImpersonateOptions(
  value: unknown,
  ofRequest: () => unknown,
): ImpersonationRequest & { readonly actor: SessionContainer } {
  const given = readOptions(value, NAMES);
  const { actor, userId, tenantId, reason, lifetime = '1h', ...held } = given;
  const lifetimeMs = durationToMs(lifetime);
  if (lifetimeMs === undefined || lifetimeMs < 1_000 || lifetimeMs > DAY_MS) {
    throw new SessionInputException('lifetime', 'must be a duration from a second to a day');
  }
  const asked = {
    ...held,
    userId: checkUserId(userId),
    tenantId: tenantId === undefined ? 'public' : checkTenantId(tenantId),
    reason: checkReason(reason),
    lifetimeMs,
  };
  const checkedActor = checkActor(actor === undefined ? ofRequest() : actor);
  return { ...asked, actor: checkedActor, actorHandle: checkedActor.getHandle() };
}

function checkActor(actor: unknown): SessionContainer {
  return readSafely('actor', () => {
    if (actor instanceof SessionContainer) return actor;
    throw new SessionInputException(
      'actor',
      `must be a session, not ${kindOf(actor)}: guard the route, or give one`,
    );
  });
}
