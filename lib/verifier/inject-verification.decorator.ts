import { Inject } from '@nestjs/common';
import { tokenOfKind } from '../options/kind.js';

/**
 * Injects the `SessionVerification` of a kind of sessions, or its `SessionEventBus`.
 *
 * @param kind the kind in `SessionVerifierModule.forRoot({ kind })`
 * @example
 * ```ts
 * constructor(@InjectVerification('staff') private readonly staff: SessionVerification) {}
 * ```
 * @publicApi
 */
export function InjectVerification(
  kind: string,
  part: 'verification' | 'events' = 'verification',
): PropertyDecorator & ParameterDecorator {
  return Inject(getVerificationToken(kind, part));
}

/** The token behind `@InjectVerification`, for `app.get()` and for tests. @publicApi */
export function getVerificationToken(
  kind: string,
  part: 'verification' | 'events' = 'verification',
): string {
  return tokenOfKind(kind, part);
}
