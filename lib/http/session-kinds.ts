import { Inject, Injectable, type CanActivate } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import type { Flaw } from '../errors/flaw.js';
import { oncePerKind, tokenOfKind, type SessionKind } from '../options/kind.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { RefreshRoute } from './routes/refresh-route.js';

/** Knows the kinds of sessions in an application, one for each `SessionModule`. */
@Injectable()
export class SessionKinds {
  /** The guard of another kind. */
  readonly guardOf = oncePerKind((kind) =>
    this.modules.get<string, CanActivate>(tokenOfKind(kind, 'guard'), { strict: false }),
  );

  constructor(
    private readonly modules: ModuleRef,
    private readonly allModules: ModulesContainer,
    private readonly refreshRoute: RefreshRoute,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedVerificationOptions,
  ) {}

  /** This module's kind. */
  get own(): SessionKind {
    return this.options.kind;
  }

  /** Finds another module with the same kind, cookies or paths. */
  flaw(): Flaw | undefined {
    const { kind } = this.options;
    // Of a module with a kind and one without, the first reports it.
    const others = this.others().filter(({ own }) => kind !== undefined || own === undefined);
    if (kind !== undefined && others.some(({ own }) => own === kind)) {
      return conflict(kind, 'two modules have it', 'Import one, and use it everywhere.');
    }
    const taken = new Set(others.flatMap(({ options }) => cookieNamesOf(options)));
    const cookie = cookieNamesOf(this.options).find((name) => taken.has(name));
    if (cookie !== undefined) {
      return conflict(kind, `another module has its cookie ${cookie}`, 'Set `cookie.names`.');
    }
    if (others.some(({ refreshRoute }) => refreshRoute.path === this.refreshRoute.path)) {
      return conflict(kind, 'another module has its base path', 'Set `apiBasePath`.');
    }
    return undefined;
  }

  private others(): SessionKinds[] {
    const providers = [...this.allModules.values()].flatMap((each) => [...each.providers.values()]);
    const all = providers.map((wrapper): unknown => wrapper.instance);
    return all.filter((each) => each instanceof SessionKinds).filter((each) => each !== this);
  }
}

function cookieNamesOf({ cookie }: ResolvedVerificationOptions): string[] {
  return [cookie.accessToken, cookie.refreshToken, cookie.actorToken].map(({ name }) => name);
}

function conflict(kind: SessionKind, problem: string, cure: string): Flaw {
  const whose =
    kind === undefined ? 'Two SessionModules without a `kind`' : `The kind of sessions ${kind}`;
  return { code: 'kinds', cause: `${whose}: ${problem}.`, cure };
}
