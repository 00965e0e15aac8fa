import { Inject } from '@nestjs/common';
import { tokenOfKind, type PartOfKind } from '../../options/kind.js';

/**
 * Injects the `SessionService` of a kind of sessions, or its `SessionEventBus` or `SessionHealth`.
 *
 * @param kind the kind in `SessionModule.forRoot({ kind })`
 * @example
 * ```ts
 * constructor(@InjectSessions('staff') private readonly staff: SessionService) {}
 * ```
 * @publicApi
 */
export function InjectSessions(
  kind: string,
  part: PartOfKind = 'sessions',
): PropertyDecorator & ParameterDecorator {
  return Inject(getSessionsToken(kind, part));
}

/**
 * The token behind `@InjectSessions`, for `app.get()` and for tests.
 *
 * @example
 * ```ts
 * const staff = app.get<SessionService>(getSessionsToken('staff'));
 * ```
 * @publicApi
 */
export function getSessionsToken(kind: string, part: PartOfKind = 'sessions'): string {
  return tokenOfKind(kind, part);
}
