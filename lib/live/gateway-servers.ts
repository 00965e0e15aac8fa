import { errorOfFlaw } from '../errors/flaw.js';
import type { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { headerOf, type HttpRequest } from '../http/context/http-request.js';
import { askedTogether, isSamePlace } from './asked-at-entrance.js';
import type { AskingGateway, GatewayPlace, Gateways } from './gateways.js';
import { recoveryFlaw } from './recovery-flaw.js';
import type { Server } from './socket-adapter.js';

/** Knows the servers of the application's WebSocket adapter, and the gateways behind each. */
export class GatewayServers {
  private readonly places = new Map<Server, GatewayPlace>();
  // One for each server, because the log tells each error once.
  private readonly errors = new WeakMap<Server, SessionConfigurationError>();

  constructor(private readonly gateways: Gateways) {}

  has(server: Server): boolean {
    return this.places.has(server);
  }

  /** @throws {SessionConfigurationError} if a gateway there requires sessions, but lost connections are recovered */
  add(server: Server, place: GatewayPlace): void {
    this.places.set(server, place);
    if (!isRecovering(server)) return;
    const requiring = this.gateways.requiring.find((each) => isSamePlace(each.place, place));
    if (requiring !== undefined) throw errorOfFlaw(recoveryFlaw(requiring.type));
  }

  /** The same for gateways without a decorator, behind an entrance that requires sessions. */
  checkEntrance(server: Server): void {
    const [first] = isRecovering(server) ? this.behind(server) : [];
    if (first === undefined) return;
    const error = this.errors.get(server) ?? errorOfFlaw(recoveryFlaw(first.type));
    this.errors.set(server, error);
    throw error;
  }

  /** The server on which Nest's adapter for `ws` opens the socket of a request. */
  serverFor(request: HttpRequest): Server | undefined {
    const { localPort } = (request.socket ?? {}) as { localPort?: number };
    const all = [...this.places];
    const onPort = all.filter(([, { port }]) => port === localPort);
    const candidates = onPort.length > 0 ? onPort : all.filter(([, { port }]) => port === 0);
    const pathname = pathnameOf(request);
    return candidates.find(([server, place]) => isAt(pathname, server, place))?.[0];
  }

  behind(server: Server | undefined): readonly AskingGateway[] {
    const here = server && this.places.get(server);
    if (here === undefined) return [];
    return this.gateways.all.filter(({ place }) => isSamePlace(place, here));
  }

  askedAt(server: Server, isStrict: boolean): ReturnType<typeof askedTogether> {
    return askedTogether(this.behind(server), isStrict);
  }
}

// A path can be written in many ways, so it is read as Nest's adapter reads it.
function pathnameOf(request: HttpRequest): string | undefined {
  try {
    return new URL(request.url ?? '', `ws://${headerOf(request, 'host')}/`).pathname;
  } catch {
    return undefined;
  }
}

// Nest sets the path, in its own form, on servers that share a port. Another server on its own port accepts every path.
function isAt(pathname: string | undefined, { path }: Server, place: GatewayPlace): boolean {
  const served = typeof path === 'string' ? path : place.path;
  if (served === undefined) return place.port !== 0 || pathname === '/';
  return served === pathname || `/${served}` === pathname;
}

function isRecovering({ opts, server }: Server): boolean {
  return Boolean((opts ?? server?.opts)?.connectionStateRecovery);
}
