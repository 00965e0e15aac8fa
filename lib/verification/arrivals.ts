/**
 * Hears of refresh tokens that have arrived, which confirms their generation. Services without a database ignore them.
 */
export interface Arrivals {
  /** A token of the generation with this parent was seen in use. */
  add(handle: string, parentHash: string): void;
}

/** The injection token of the arrivals. */
export const ARRIVALS = Symbol('ARRIVALS');
