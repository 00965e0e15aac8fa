import type { GuardedRouteOptions } from './decorators/verify-session.metadata.js';

/** What the decorators on one handler or one class say. */
export interface Declared {
  readonly options: GuardedRouteOptions;
  readonly maxAgeMs: number | undefined;
  /** Whether it has `@VerifySession()`, `@RequireFresh()` or `@UseGuards(SessionGuard)`. */
  readonly isGuarded: boolean;
  readonly isPublic: boolean;
}

/** A handler with its class, and the classes that this one extends, from the nearest on. */
export interface DeclaredHandler {
  readonly handler: Declared;
  readonly classes: readonly Declared[];
  readonly isLogin: boolean;
}

/** What a handler asks of a session. */
export type AskedOfSession =
  | { readonly kind: 'open' }
  | {
      readonly kind: 'guarded';
      readonly options: GuardedRouteOptions;
      readonly maxAgeMs: number | undefined;
    }
  | { readonly kind: 'contradiction'; readonly problem: string };

/**
 * Adds up what stands on a handler, its class and the classes before it.
 *
 * - What a handler does not say it takes from its class, and a class from the one that it extends.
 * - The nearest that is guarded says whether a session is required.
 * - `@PublicAccess()` opens what it stands on, and never a class that extends it.
 * - A login is open unless it, or its class, is guarded.
 */
export function askedOfSession({ handler, classes, isLogin }: DeclaredHandler): AskedOfSession {
  const [ownClass, ...extended] = classes;
  const inherited = extended.map((each) => ({ ...each, isPublic: false }));
  const levels = [handler, ...(ownClass === undefined ? [] : [ownClass]), ...inherited];
  if ([handler, ...classes].some((each) => each.isPublic && requiresSession(each))) {
    return contradiction(
      '@PublicAccess() stands on the same thing as what asks for a session. Take one of the two out',
    );
  }
  const opened = levels.findIndex(({ isPublic }) => isPublic);
  const said = opened < 0 ? levels : levels.slice(0, opened + 1);
  const nearest = said.find(({ isGuarded }) => isGuarded);
  if (nearest === undefined && (opened >= 0 || isLogin)) return { kind: 'open' };
  const { sessionRequired: _, ...options } = merged(said);
  const maxAgeMs = said.find((each) => each.maxAgeMs !== undefined)?.maxAgeMs;
  if (nearest?.options.sessionRequired !== false) return { kind: 'guarded', options, maxAgeMs };
  const asking = whatNeedsSession(options, maxAgeMs);
  if (asking !== undefined) {
    return contradiction(
      `\`sessionRequired: false\` asks for no session, and ${asking} for one. Take one of the two out; ` +
        '@PublicAccess() opens a handler of a guarded class',
    );
  }
  return { kind: 'guarded', options: { ...options, sessionRequired: false }, maxAgeMs };
}

function requiresSession({ isGuarded, options }: Declared): boolean {
  return isGuarded && options.sessionRequired !== false;
}

/** What the nearest says of each option. */
function merged(levels: readonly Declared[]): GuardedRouteOptions {
  return Object.assign({}, ...levels.toReversed().map(({ options }) => options)) as object;
}

// The other options say how a session is looked at where there is one.
function whatNeedsSession(
  { roles = [], permissions = [] }: GuardedRouteOptions,
  maxAgeMs: number | undefined,
): string | undefined {
  if (roles.length > 0) return '`roles`';
  if (permissions.length > 0) return '`permissions`';
  return maxAgeMs === undefined ? undefined : '@RequireFresh()';
}

function contradiction(problem: string): AskedOfSession {
  return { kind: 'contradiction', problem };
}
