import type { GuardedRouteOptions } from '../decorators/verify-session.metadata.js';
import type { GuardedRoute } from '../routes/guarded-routes.js';

/** The checks on a session, past or requested. */
export type CheckedRoute = Pick<GuardedRoute, 'options' | 'maxAgeMs'>;

export function isSame(one: CheckedRoute, other: CheckedRoute): boolean {
  return one.options === other.options && one.maxAgeMs === other.maxAgeMs;
}

/** Whether an earlier check covers everything that is asked now. */
export function isCovered(asked: GuardedRouteOptions, checked: GuardedRouteOptions): boolean {
  return (
    (asked.checkDatabase !== true || checked.checkDatabase === true) &&
    antiCsrfStrictness(asked) <= antiCsrfStrictness(checked)
  );
}

function antiCsrfStrictness({ antiCsrfCheck }: GuardedRouteOptions): number {
  return antiCsrfCheck === undefined ? 1 : Number(antiCsrfCheck) * 2;
}
