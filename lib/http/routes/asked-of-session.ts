import { areNone } from '../../claims/wanted-names.js';
import type { GuardedRouteOptions } from '../decorators/verify-session.metadata.js';

/** The decorators on one handler or one class. */
export interface Declared {
  readonly options: GuardedRouteOptions;
  readonly maxAgeMs: number | undefined;
  readonly forbidsImpersonation: boolean;
  /** Whether it has `@VerifySession()`, `@RequireFresh()`, `@ForbidImpersonation()` or `@UseGuards(SessionGuard)`. */
  readonly isGuarded: boolean;
  readonly isPublic: boolean;
}

/** A handler with its class, and the classes that its class extends, the nearest first. */
export interface DeclaredHandler {
  readonly handler: Declared;
  readonly classes: readonly Declared[];
  readonly isLogin: boolean;
}

/** A handler's requirements on a session. */
export type AskedOfSession =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'guarded';
      readonly options: GuardedRouteOptions;
      readonly maxAgeMs: number | undefined;
      readonly forbidsImpersonation: boolean;
    }
  | { readonly kind: 'contradiction'; readonly problem: string; readonly cure: string };

/**
 * Combines the decorators on a handler, its class and the classes above.
 *
 * - A handler inherits unset options from its class, and a class from the one that it extends.
 * - The nearest guarded level decides if a session is required.
 * - `@PublicAccess()` opens only its own target, never a class that extends it.
 * - A prohibition at any level stays in force.
 * - A login is open unless it, or its class, is guarded.
 */
export function askedOfSession({ handler, classes, isLogin }: DeclaredHandler): AskedOfSession {
  const [ownClass, ...extended] = classes;
  const inherited = extended.map((each) => ({ ...each, isPublic: false }));
  const levels = [handler, ...(ownClass === undefined ? [] : [ownClass]), ...inherited];
  if ([handler, ...classes].some((each) => each.isPublic && requiresSession(each))) {
    return contradiction(
      '@PublicAccess() is on the same target as a decorator that requires a session',
      'Remove one of the two',
    );
  }
  const opened = levels.findIndex(({ isPublic }) => isPublic);
  const said = opened < 0 ? levels : levels.slice(0, opened + 1);
  const nearest = said.find(({ isGuarded }) => isGuarded);
  if (nearest === undefined && (opened >= 0 || isLogin)) return { kind: 'open' };
  const { sessionRequired: _, ...options } = merged(said);
  const maxAgeMs = said.find((each) => each.maxAgeMs !== undefined)?.maxAgeMs;
  const forbidsImpersonation = said.some((each) => each.forbidsImpersonation);
  const asked = { kind: 'guarded', maxAgeMs, forbidsImpersonation } as const;
  if (nearest?.options.sessionRequired !== false) return { ...asked, options };
  const asking = whatNeedsSession(options, maxAgeMs);
  if (asking !== undefined) {
    return contradiction(
      `\`sessionRequired: false\` makes a session optional, but ${asking} needs one`,
      'Remove one of the two; @PublicAccess() opens a handler of a guarded class',
    );
  }
  return { ...asked, options: { ...options, sessionRequired: false } };
}

function requiresSession({ isGuarded, options }: Declared): boolean {
  return isGuarded && options.sessionRequired !== false;
}

/** The nearest value of each option. */
function merged(levels: readonly Declared[]): GuardedRouteOptions {
  return Object.assign({}, ...levels.toReversed().map(({ options }) => options)) as object;
}

// The other options only apply if there is a session.
function whatNeedsSession(
  { roles = [], permissions = [], bound = false }: GuardedRouteOptions,
  maxAgeMs: number | undefined,
): string | undefined {
  if (!areNone(roles)) return '`roles`';
  if (!areNone(permissions)) return '`permissions`';
  if (bound) return '`bound`';
  return maxAgeMs === undefined ? undefined : '@RequireFresh()';
}

function contradiction(problem: string, cure: string): AskedOfSession {
  return { kind: 'contradiction', problem, cure };
}
