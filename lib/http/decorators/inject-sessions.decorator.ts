import { Inject } from '@nestjs/common';
import { tokenOfKind, type PartOfKind } from '../../options/kind.js';

/**
 * Injects the `SessionService` of a kind of sessions, or its `SessionEventBus` or `SessionHealth`.
 *
 * @param kind as `SessionModule.forRoot({ kind })` has it
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
  return Inject(tokenOfKind(kind, part));
}
