import type { Duplex } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { SessionException } from '../errors/session.exception.js';
import type { HttpRequest } from '../http/context/http-request.js';
import { HeldSessionVerification } from '../http/verify/held-session-verification.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { askedTogether, OPTIONAL } from './asked-at-entrance.js';
import { isWsClient, type WsClient } from './close-socket.js';
import { followConnections } from './engine-connections.js';
import type { Adapter, Connecting, IoSocket, Server } from './socket-adapter.js';
import type { SocketEntranceOptions } from './entrance-options.js';
import { GatewayServers } from './gateway-servers.js';
import { Gateways, namespaceOf } from './gateways.js';
import { Handshakes, isOutage } from './handshakes.js';
import { HeldConnections } from './held-connections.js';
import { Namespaces } from './namespaces.js';
import { PendingConnections } from './pending-connections.js';
import { connectErrorOf, turnAway } from './refused-sockets.js';
import { WaitingSocket } from './waiting-socket.js';

/** The result for a handshake, before its socket exists. */
interface Judged {
  readonly session: ReadonlySession | undefined;
  readonly asked: Asked;
  /** The server whose gateways were asked, with `ws`. */
  readonly server?: Server | undefined;
}

type Asked = readonly VerifySessionOptions[];
const REQUIRED: Asked = [{}];

/**
 * Sits between the application's WebSocket adapter, of any kind, and its gateways. A socket with a session is held for
 * that session. A socket without one stays outside if all gateways behind it require a session.
 */
@Injectable()
export class GatewayEntrance {
  private readonly servers: GatewayServers;
  private readonly allowed = new WeakMap<object, Judged>();
  private readonly namespaces: Namespaces;
  private readonly entered = new WeakSet<object>();
  private readonly waiting = new WeakMap<object, WaitingSocket>();

  constructor(
    config: ApplicationConfig,
    private readonly gateways: Gateways,
    private readonly handshakes: Handshakes,
    private readonly held: HeldConnections,
    private readonly pending: PendingConnections,
    heldSessions: HeldSessionVerification,
  ) {
    this.servers = new GatewayServers(gateways);
    const entranceOf = (request: object): Asked | undefined => this.allowed.get(request)?.asked;
    const { servers } = this;
    this.namespaces = new Namespaces(servers, handshakes, held, heldSessions, pending, entranceOf);
    const setIoAdapter = config.setIoAdapter.bind(config);
    config.setIoAdapter = (adapter) => {
      this.standBefore(adapter);
      setIoAdapter(adapter);
    };
  }

  /**
   * Judges the request that opens a socket, before the socket exists.
   *
   * @param isSocketIo whether a token may still come in `auth`, and a namespace is still to be named
   * @returns `'full'` if too many already wait for their token
   * @throws {SessionException} if it is refused
   */
  async allow(
    request: HttpRequest,
    { required = true, firstMessage = false }: SocketEntranceOptions,
    isSocketIo: boolean,
  ): Promise<'allowed' | 'full'> {
    const server = isSocketIo ? undefined : this.servers.serverFor(request);
    const behind = isSocketIo ? this.gateways.all : this.servers.behind(server);
    const together = askedTogether(behind, true) ?? REQUIRED;
    const isOpen = together === 'open';
    // With Socket.IO, the namespace, and so its requirements, become known later.
    const asked = required ? (isSocketIo || isOpen ? REQUIRED : together) : OPTIONAL;
    const nobody: Judged = { session: undefined, asked, server };
    if (isOpen) {
      this.allowed.set(request, nobody);
      return 'allowed';
    }
    try {
      const session = await this.handshakes.find(request, asked);
      this.allowed.set(request, { ...nobody, session });
      return 'allowed';
    } catch (error) {
      if (!(error instanceof SessionException)) throw error;
      const isGuarded = behind.every(({ asks }) => typeof asks === 'object');
      const mayWait = isSocketIo || (firstMessage && isGuarded);
      const isRefused = required || isOutage(error);
      if (isRefused && !(mayWait && error.reason === 'no-access-token')) {
        return this.handshakes.refuse(error);
      }
      this.allowed.set(request, nobody);
      return !required || this.letWait(request, error, isSocketIo) ? 'allowed' : 'full';
    }
  }

  /** The session of a request before its socket existed. */
  sessionOf(request: object): ReadonlySession | undefined {
    return this.allowed.get(request)?.session;
  }

  private letWait(request: HttpRequest, refusal: SessionException, isSocketIo: boolean): boolean {
    const socket = request.socket as Partial<Duplex> | undefined;
    // A connection of Socket.IO outlives the socket of its first request, which may also carry requests of others.
    if (isSocketIo) return this.pending.add(request, refusal, () => undefined);
    const isAdded = this.pending.add(request, refusal, () => socket?.destroy?.());
    if (isAdded) socket?.once?.('close', () => this.pending.remove(request));
    return isAdded;
  }

  private standBefore(adapter: Adapter): void {
    const create = adapter.create.bind(adapter);
    const bindClientConnect = adapter.bindClientConnect.bind(adapter);
    adapter.create = (port, options = {}) => {
      const server = create(port, options);
      this.place(server, port, options);
      return server;
    };
    adapter.bindClientConnect = (server, callback) =>
      bindClientConnect(server, (client, ...rest) => {
        this.enter(server, client, rest[0]);
        const connect = (): unknown => callback(client, ...rest);
        const waiting = this.waiting.get(client);
        return waiting === undefined ? connect() : waiting.add(connect);
      });
  }

  private place(
    server: Server,
    port: number,
    { path, namespace }: { path?: string; namespace?: unknown },
  ): void {
    if (this.servers.has(server)) return;
    this.servers.add(server, { port, path, namespace: namespaceOf(namespace) });
    followConnections(server, this.pending);
    server.use?.((socket, next) => {
      this.namespaces.join(server, socket).then(
        () => next(),
        (error: unknown) => next(connectErrorOf(error)),
      );
    });
  }

  private enter(server: Server, client: Connecting, request: unknown): void {
    if (this.entered.has(client)) return;
    this.entered.add(client);
    if (!isWsClient(client)) {
      this.namespaces.enter(server, client as IoSocket);
      return;
    }
    if (typeof request !== 'object' || request === null) return;
    client.request ??= request;
    const found = this.allowed.get(request);
    // An adapter of the application's own may choose another server than Nest's does.
    const isJudged = found?.server === server || found?.asked === OPTIONAL;
    if (found === undefined || !isJudged) this.verifyLate(server, client, request);
    else if (found.session !== undefined) this.held.holdSocket(client, found.session, found.asked);
    else if (this.pending.has(request)) this.awaitToken(server, client, request, found.asked);
  }

  // Without `verifyWsClient`, the socket exists before anybody has checked it.
  private verifyLate(server: Server, client: WsClient, request: object): void {
    const asked = this.servers.askedAt(server, this.allowed.has(request));
    if (asked === undefined || asked === 'open') {
      this.pending.remove(request);
      return;
    }
    if (this.pending.has(request)) {
      this.awaitToken(server, client, request, asked);
      return;
    }
    this.judge(new WaitingSocket(server, client), client, request, asked);
  }

  private awaitToken(server: Server, client: WsClient, request: object, asked: Asked): void {
    this.pending.closeBy(request, (error) => turnAway(client, error));
    const waiting = new WaitingSocket(server, client, {
      onToken: (token) => this.judge(waiting, client, request, asked, token),
      onTooMuch: () => turnAway(client, undefined),
    });
    this.waiting.set(client, waiting);
  }

  private judge(
    waiting: WaitingSocket,
    client: WsClient,
    request: object,
    asked: Asked,
    token?: string,
  ): void {
    this.waiting.set(client, waiting);
    this.pending.addJudged(request, (error) => turnAway(client, error));
    this.handshakes.verify(request, asked, token).then(
      (session) => {
        this.pending.remove(request);
        this.waiting.delete(client);
        if (session !== undefined) this.held.holdSocket(client, session, asked);
        waiting.admit();
      },
      (error: unknown) => {
        this.pending.remove(request);
        turnAway(client, error);
      },
    );
  }
}
