import { Inject, Injectable, type CanActivate } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { tokenOfKind, type SessionKind } from '../options/kind.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../options/resolved-options.js';
import { RefreshRoute } from './refresh-route.js';

/** Knows the kinds of sessions that an application has, one for each `SessionModule`. */
@Injectable()
export class SessionKinds {
  private readonly guards = new Map<string, CanActivate>();

  constructor(
    private readonly modules: ModuleRef,
    private readonly refreshRoute: RefreshRoute,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** This module's kind. */
  get own(): SessionKind {
    return this.options.kind;
  }

  /** The guard of another kind. */
  guardOf(kind: string): CanActivate {
    const known = this.guards.get(kind);
    if (known !== undefined) return known;
    const token = tokenOfKind(kind, 'guard');
    const guard = this.modules.get<string, CanActivate>(token, { strict: false });
    this.guards.set(kind, guard);
    return guard;
  }

  /** @throws {SessionConfigurationError} where another module has this one's kind, cookies or paths */
  check(): void {
    const { kind } = this.options;
    const all = { strict: false, each: true } as const;
    const options: ResolvedSessionOptions[] = this.modules.get(RESOLVED_SESSION_OPTIONS, all);
    const routes: RefreshRoute[] = this.modules.get(RefreshRoute, all);
    if (kind === undefined) return;
    const others = options.filter((each) => each !== this.options);
    if (others.some((each) => each.kind === kind)) {
      throw conflict(kind, 'two modules have it. Import one, and use it everywhere');
    }
    const taken = new Set(others.flatMap(cookieNamesOf));
    const cookie = cookieNamesOf(this.options).find((name) => taken.has(name));
    if (cookie !== undefined) {
      throw conflict(kind, `another module has its cookie ${cookie}. Set \`cookie.names\``);
    }
    const twins = routes.filter(({ path }) => path === this.refreshRoute.path);
    if (twins.length > 1) {
      throw conflict(kind, 'another module has its base path. Set `apiBasePath`');
    }
  }
}

function cookieNamesOf({ cookie }: ResolvedSessionOptions): string[] {
  return [cookie.accessToken.name, cookie.refreshToken.name];
}

function conflict(kind: string, problem: string): SessionConfigurationError {
  return new SessionConfigurationError(`The kind of sessions ${kind}: ${problem}.`);
}
