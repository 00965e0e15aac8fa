import { Inject, Injectable, type Type } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { Flaw } from '../errors/flaw.js';
import { askedOfSession } from '../http/routes/asked-of-session.js';
import { isApplicationGuarded } from '../http/decorators/verify-session.metadata.js';
import {
  declaredHandler,
  GuardedRoutes,
  type GuardedRoute,
} from '../http/routes/guarded-routes.js';
import { handlersOf } from '../http/routes/handlers-of-class.js';
import { isGateway, isGatewayMessage } from '../http/routes/nest-marks.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { recoveryFlaw } from './recovery-flaw.js';

// @nestjs/websockets registers the options of gateways under these names. Nothing is imported from it here.
const OPTIONS_METADATA = 'websockets:gateway_options';
const PORT_METADATA = 'port';

/** The place where a gateway's sockets connect. */
export interface GatewayPlace {
  readonly port: number;
  readonly path: string | undefined;
  readonly namespace: string | RegExp;
}

interface LocatedGateway {
  readonly type: Type;
  readonly place: GatewayPlace;
}

/** A gateway's requirements on a connection, for all of its handlers. */
export interface AskingGateway extends LocatedGateway {
  /** `'open'` by `@PublicAccess()`; `'unguarded'` if neither it nor the application has a decorator or guard. */
  readonly asks: GuardedRoute | 'open' | 'unguarded';
}

// Represents the opening of a connection, which is not a handler of a gateway.
function connection(): void {}

/** Knows the gateways of the application, and their decorators. */
@Injectable()
export class Gateways {
  private known: readonly AskingGateway[] | undefined;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly config: ApplicationConfig,
    private readonly routes: GuardedRoutes,
    @Inject(RESOLVED_SESSION_OPTIONS)
    private readonly options: ResolvedVerificationOptions &
      Partial<Pick<ResolvedSessionOptions, 'revocation'>>,
  ) {}

  /** Finds a gateway that requires sessions, although nothing would report their end. */
  flaw(): Flaw | undefined {
    const [asking] = this.options.revocation === false ? this.requiring : [];
    return asking && unheardFlaw(asking.type);
  }

  /**
   * Finds a gateway that requires sessions, on a server that would recover lost connections. It reads only the options
   * of gateways, because there is no server yet. A server has those of the gateway for which Nest makes it, the first.
   */
  serverFlaw(): Flaw | undefined {
    const adapter = this.config.getIoAdapter() as { createIOServer?: unknown } | null | undefined;
    // Nest takes Socket.IO if there is no adapter. The server of another one has no such option.
    if (adapter && adapter.createIOServer === undefined) return undefined;
    const all = this.located();
    const recovered = this.requiring.find(({ place }) =>
      isRecovering(all.find((each) => isOnServer(each.place, place))),
    );
    return recovered && recoveryFlaw(recovered.type);
  }

  /** A gateway's requirements on a connection. */
  askedBy(type: Type): AskingGateway['asks'] {
    const declared = { getHandler: () => connection, getClass: () => type };
    if (!this.routes.isDeclared(declared) && !isApplicationGuarded(this.config)) return 'unguarded';
    return this.routes.of(declared) ?? 'open';
  }

  /** The gateways of this module's kind of sessions. Once a socket opens, no gateway is added. */
  get all(): readonly AskingGateway[] {
    this.known ??= this.find();
    return this.known;
  }

  /**
   * Those that require a session, to connect or for a message. Nest makes servers before claims are registered, so
   * only their decorators are read here.
   */
  get requiring(): readonly LocatedGateway[] {
    return this.located().filter(({ type }) => this.isGuarded(type));
  }

  private find(): AskingGateway[] {
    return this.located()
      .map((each) => ({ ...each, asks: this.askedBy(each.type) }))
      .filter(({ asks }) => typeof asks === 'string' || asks.options.kind === this.options.kind);
  }

  private located(): LocatedGateway[] {
    const wrappers = [...this.modules.values()].flatMap(({ providers }) => [...providers.values()]);
    const types = new Set(wrappers.map(({ metatype }) => metatype as Type | undefined));
    return [...types]
      .filter((type) => typeof type === 'function')
      .filter(isGateway)
      .map((type) => ({ type, place: placeOf(type) }));
  }

  private isGuarded(type: Type): boolean {
    return [connection, ...handlersOf(type).filter(isGatewayMessage)].some((handler) => {
      const context = { getHandler: () => handler, getClass: () => type };
      const isGuardedAbove = handler === connection && isApplicationGuarded(this.config);
      if (!isGuardedAbove && !this.routes.isDeclared(context)) return false;
      const asked = askedOfSession(declaredHandler(context));
      return asked.kind === 'guarded' && asked.options.kind === this.options.kind;
    });
  }
}

function placeOf(type: Type): GatewayPlace {
  const options = (Reflect.getMetadata(OPTIONS_METADATA, type) ?? {}) as {
    path?: string;
    namespace?: unknown;
  };
  const port = (Reflect.getMetadata(PORT_METADATA, type) as number | undefined) ?? 0;
  return { port, path: options.path, namespace: namespaceOf(options.namespace) };
}

function isOnServer(one: GatewayPlace, other: GatewayPlace): boolean {
  return one.port === other.port && one.path === other.path;
}

function isRecovering(gateway: LocatedGateway | undefined): boolean {
  const options: unknown = gateway && Reflect.getMetadata(OPTIONS_METADATA, gateway.type);
  return Boolean(
    (options as { connectionStateRecovery?: unknown } | undefined)?.connectionStateRecovery,
  );
}

function unheardFlaw(gateway: Type): Flaw {
  return {
    code: 'gateways',
    cause: `${gateway.name} requires a session, but with \`revocation: false\` no socket learns of its end.`,
    cure: 'Leave `revocation` on, or open the gateway with @PublicAccess().',
  };
}

/** A namespace of Socket.IO, as its server names it. A pattern is one of its own. */
export function namespaceOf(namespace: unknown): GatewayPlace['namespace'] {
  if (namespace instanceof RegExp) return namespace;
  if (typeof namespace !== 'string' || namespace === '') return '/';
  return namespace.startsWith('/') ? namespace : `/${namespace}`;
}
