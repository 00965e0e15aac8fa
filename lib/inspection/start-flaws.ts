import type { Flaw } from '../errors/flaw.js';

/** The injection token of the checks. Only a `SessionModule` has it. */
export const START_FLAWS = Symbol('START_FLAWS');

/** The checks of the start that need no database. They change nothing, also in an application that has not started. */
export interface StartFlaws {
  /** Finds what stops the start. */
  flaws(): Flaw[];
  /** Foresees why Nest would fail to make the servers of gateways. Only servers themselves know it for certain. */
  serverFlaw(): Flaw | undefined;
}
