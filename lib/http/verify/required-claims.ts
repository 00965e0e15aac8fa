import { Injectable } from '@nestjs/common';
import type { SessionClaimValidator } from '../../claims/session-claim-validator.js';
import type { ReadonlySession } from '../../session/container/readonly-session.js';
import type { SessionContainer } from '../../session/container/session-container.js';
import { RegisteredClaims } from '../../session/edit/registered-claims.js';
import { SessionRefusals } from '../../session/refuse/session-refusals.js';
import type { VerifySessionOptions } from './verify-session-options.js';

type Override = VerifySessionOptions['overrideGlobalClaimValidators'];

/** The conditions on a session's claims: those of every route, and those of the handler. */
@Injectable()
export class RequiredClaims {
  constructor(
    private readonly registry: RegisteredClaims,
    private readonly refusals: SessionRefusals,
  ) {}

  /** Whether a session's claims have to meet any condition. */
  areAsked(override: Override): boolean {
    return override !== undefined || this.registry.globalValidators.length > 0;
  }

  /**
   * The same as `assertIn`, for a request: its refusal is reported.
   *
   * @throws {InvalidClaimsException}
   */
  requireIn(session: ReadonlySession, override: Override): Promise<void> {
    return this.assertIn(session, override).catch((error: unknown) =>
      this.refusals.rethrow('verify', error),
    );
  }

  /** @throws {InvalidClaimsException} for the caller to report, if it refuses anybody for it */
  async assertIn(session: ReadonlySession, override: Override): Promise<void> {
    const globalValidators: readonly SessionClaimValidator[] = this.registry.globalValidators;
    if (!this.areAsked(override)) return;
    // The author of an override works with the sessions of the module in use.
    const about = session as SessionContainer;
    const validators =
      override === undefined ? globalValidators : await override([...globalValidators], about);
    await session.assertClaims(validators);
  }
}
