import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Flaw } from '../../errors/flaw.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { BindRoute } from './bind-route.js';
import { RefreshRoute } from './refresh-route.js';
import { RoutePaths } from './route-paths.js';

/** Compares the paths of cookies with those of the routes that need them. */
@Injectable()
export class CookiePaths {
  private readonly paths: RoutePaths;

  constructor(
    modules: ModulesContainer,
    config: ApplicationConfig,
    private readonly refreshRoute: RefreshRoute,
    private readonly bindRoute: BindRoute,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.paths = new RoutePaths(modules, config);
  }

  /** Finds cookies that browsers never send to their route. A proxy that changes paths may still make it right. */
  flaws(): Flaw[] {
    const { cookie, deviceBinding, fixedTransferMethod } = this.options;
    if (fixedTransferMethod === 'header') return [];
    const refreshed = this.refreshPaths().find((each) => !covers(cookie.refreshToken.path, each));
    const bound = deviceBinding === false ? undefined : this.bindRoute.path;
    const flaws: Flaw[] = [];
    if (refreshed !== undefined) {
      flaws.push(
        flawOf('cookie.refreshPath', refreshed, 'each refresh fails, and logs the user out.'),
      );
    }
    if (bound !== undefined && !covers(cookie.accessToken.path, bound)) {
      flaws.push(flawOf('cookie.path', bound, 'no session is bound to its device.'));
    }
    return flaws;
  }

  // An application may have a refresh route of its own at this path, or another one elsewhere, of which nothing is known.
  private refreshPaths(): string[] {
    const found = this.paths.find((handler, type) =>
      this.refreshRoute.isAt({ getHandler: () => handler, getClass: () => type }),
    );
    return found.flatMap((handler) => this.paths.of(...handler));
  }
}

// RFC 6265 §5.1.4.
function covers(cookiePath: string, path: string): boolean {
  const below = cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`;
  return path === cookiePath || path.startsWith(below);
}

function flawOf(option: string, path: string, result: string): Flaw {
  return {
    code: 'cookie-path',
    cause: `\`${option}\` does not cover ${path}, so browsers send no cookie there: ${result}`,
    cure: 'Leave the option out, or write the path as browsers see it, with the global prefix. It is right only if a proxy changes paths.',
  };
}
