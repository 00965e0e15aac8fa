import type { SessionClaimValidator } from './session-claim-validator.js';

/** Changes the list of validators; receives the global ones. @publicApi */
export type ClaimValidatorsOverride<About> = (
  globalClaimValidators: SessionClaimValidator[],
  about: About,
) => SessionClaimValidator[] | Promise<SessionClaimValidator[]>;
