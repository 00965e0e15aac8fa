import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { AskingGateway, GatewayPlace } from './gateways.js';

/** The requirements of an entrance that admits sockets without a session. */
export const OPTIONAL: readonly VerifySessionOptions[] = [{ sessionRequired: false }];

/**
 * The requirements of the gateways behind one entrance on a socket. `'open'`: one of them is open to all, by
 * `@PublicAccess()`. `undefined`: one has no decorator, and its messages are judged one by one.
 *
 * @param isStrict whether one without a decorator also requires a session, because the application has an entrance
 */
export function askedTogether(
  behind: readonly AskingGateway[],
  isStrict: boolean,
): readonly VerifySessionOptions[] | 'open' | undefined {
  if (behind.some(({ asks }) => asks === 'open')) return 'open';
  const saysNothing = !isStrict && behind.some(({ asks }) => asks === 'unguarded');
  if (behind.length === 0 || saysNothing) return undefined;
  return behind.map(({ asks }) => (typeof asks === 'object' ? asks.asked : {}));
}

/** Combines several requirements on a session's claims. */
export function mergedAsks(
  asked: readonly VerifySessionOptions[],
): Pick<VerifySessionOptions, 'overrideGlobalClaimValidators'> {
  const overrides = asked.map((each) => each.overrideGlobalClaimValidators);
  if (overrides.every((each) => each === undefined)) return {};
  return {
    overrideGlobalClaimValidators: async (globalValidators, session) => {
      const found = overrides.map(async (each) =>
        each === undefined ? globalValidators : each([...globalValidators], session),
      );
      return [...new Set((await Promise.all(found)).flat())];
    },
  };
}

export function isSamePlace(one: GatewayPlace, other: GatewayPlace): boolean {
  return one.port === other.port && one.path === other.path && one.namespace === other.namespace;
}
