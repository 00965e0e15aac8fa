import {
  Injectable,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import type { HttpRequest } from '../http/context/http-request.js';
import { checkKind } from '../http/verify/verify-session-options.js';
import { ownToken, type SessionKind } from '../options/kind.js';
import { tellOfFailure } from './refused-sockets.js';

/** Finds the providers of an application: the application itself, or a `ModuleRef` in a factory. @publicApi */
export interface ProviderSource {
  get(token: never, options: { strict: false }): unknown;
}

/** The application, or a function that returns it later. @publicApi */
export type ApplicationOrLater = ProviderSource | (() => ProviderSource);

const NO_APPLICATION =
  'A socket opens, but no application with SessionModule has been initialized in this process.';
const SEVERAL_APPLICATIONS =
  'Several applications run in this process, and a socket opens at a server of its own: give verifyWsClient, ' +
  'allowSocketIo and sessionSubscriptions the application.';

/** An application of this process. */
interface Running {
  readonly modules: ProviderSource;
  readonly config: ApplicationConfig;
}

// Decorators and `forRoot` need a function for sockets before their application exists. It is found here once a socket
// opens, by the host that each application has, also without HTTP.
export const running = new Map<HttpAdapterHost, Running>();

/** Makes the application known to functions that were not given one. */
@Injectable()
export class RunningApplication implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly modules: ModuleRef,
    private readonly config: ApplicationConfig,
  ) {}

  onModuleInit(): void {
    running.set(this.host, { modules: this.modules, config: this.config });
  }

  onApplicationShutdown(): void {
    running.delete(this.host);
  }
}

/**
 * A provider of a kind of sessions, looked up in the application when a socket opens.
 *
 * @param application default: the application of this process, or of the server that got the request
 * @throws {SessionInputException} if `kind` can be none
 */
export function later<T>(
  application: ApplicationOrLater | undefined,
  kind: SessionKind,
  type: Type<T>,
): (request: HttpRequest) => T {
  if (kind !== undefined) checkKind(kind);
  // One of each, because the log tells each error once.
  const mistakes = new Map<string, SessionConfigurationError>();
  const refuse = (text: string): never => {
    const mistake = mistakes.get(text) ?? new SessionConfigurationError(text);
    mistakes.set(text, mistake);
    tellOfFailure(mistake);
    throw mistake;
  };
  return (request) => {
    const given = typeof application === 'function' ? application() : application;
    const source = given ?? applicationOf(request, refuse);
    // A gateway's decorator may run before the modules are made, so the kind is looked up here.
    const token = kind === undefined ? type : ownToken(kind, type);
    if (token === undefined) return refuse(unknownKind(kind));
    return source.get(token as never, { strict: false }) as T;
  };
}

function applicationOf(request: HttpRequest, refuse: (text: string) => never): ProviderSource {
  // Node sets it on each socket that a server accepts.
  const { server } = (request.socket ?? {}) as { server?: unknown };
  const all = [...running];
  // A worker beside the application is never meant. Nest gives each application with gateways an adapter for them.
  const withSockets = all.filter(
    ([host, { config }]) => serverOf(host) !== undefined || Boolean(config.getIoAdapter()),
  );
  const [first, ...others] = withSockets.length === 0 ? all : withSockets;
  if (first === undefined) return refuse(NO_APPLICATION);
  const found =
    others.length === 0
      ? first
      : withSockets.find(([host]) => server !== undefined && serverOf(host) === server);
  return found?.[1].modules ?? refuse(SEVERAL_APPLICATIONS);
}

function serverOf(host: HttpAdapterHost): unknown {
  const adapter = host.httpAdapter as { getHttpServer(): unknown } | null | undefined;
  return adapter?.getHttpServer();
}

function unknownKind(kind: SessionKind): string {
  return (
    `A socket opens for the kind of sessions '${kind}', which no module has: correct the \`kind\` of verifyWsClient, ` +
    'allowSocketIo or sessionSubscriptions.'
  );
}
