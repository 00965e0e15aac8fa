import type { HeldSessionVerification } from '../http/verify/held-session-verification.js';
import type { VerifySessionOptions } from '../http/verify/verify-session-options.js';
import type { ReadonlySession } from '../session/container/readonly-session.js';
import { OPTIONAL } from './asked-at-entrance.js';
import type { GatewayServers } from './gateway-servers.js';
import { isOutage, tokenIn, type Handshakes } from './handshakes.js';
import type { HeldConnections } from './held-connections.js';
import type { PendingConnections } from './pending-connections.js';
import { turnAway } from './refused-sockets.js';
import type { IoSocket, Server } from './socket-adapter.js';

type Asked = readonly VerifySessionOptions[];

/** How a socket joined its namespace. */
interface Joined {
  readonly session: ReadonlySession | undefined;
  readonly asked: Asked;
  /** Whether its client showed a token for it, apart from the handshake of the connection. */
  readonly hasShown: boolean;
}

/** Lets the sockets of Socket.IO into namespaces, of which one connection can join many. */
export class Namespaces {
  private readonly joined = new WeakMap<object, Joined>();

  /** @param entranceOf the requirements at the entrance that let a request in; `undefined` if there is none */
  constructor(
    private readonly servers: GatewayServers,
    private readonly handshakes: Handshakes,
    private readonly held: HeldConnections,
    private readonly heldSessions: HeldSessionVerification,
    private readonly pending: PendingConnections,
    private readonly entranceOf: (request: object) => Asked | undefined,
  ) {}

  /**
   * Judges a socket at Socket.IO's own moment before it joins a namespace: its `auth` is known only here.
   *
   * @throws {SessionException} if it is refused
   */
  async join(server: Server, socket: IoSocket): Promise<void> {
    // A connection that begins with WebTransport has no request, and counts as one without a session.
    const request = socket.request ?? { method: 'GET', headers: {} };
    const entrance = this.entranceOf(request);
    const isOptional = entrance === OPTIONAL;
    const strict = this.servers.askedAt(server, entrance !== undefined);
    const asked = isOptional && strict !== 'open' ? undefined : strict;
    const shown = socket.request === null ? undefined : tokenIn(socket.handshake?.auth);
    if (asked === 'open' || (asked === undefined && shown === undefined && !isOptional)) return;
    if (asked !== undefined) this.servers.checkEntrance(server);
    const session = await this.find(socket, request, asked, shown);
    this.pending.remove(request);
    this.joined.set(socket, { session, asked: asked ?? OPTIONAL, hasShown: shown !== undefined });
  }

  /** Holds a socket that has joined. */
  enter(server: Server, client: IoSocket): void {
    const found = this.joined.get(client);
    if (found?.session !== undefined) this.held.holdSocket(client, found.session, found.asked);
    // Socket.IO leaves `join` out for a client whose connection it recovers.
    if (found !== undefined || client.recovered !== true) return;
    this.join(server, client).then(
      () => this.joined.has(client) && this.enter(server, client),
      (error: unknown) => turnAway(client, error),
    );
  }

  private async find(
    socket: IoSocket,
    request: object,
    asked: Asked | undefined,
    shown: string | undefined,
  ): Promise<ReadonlySession | undefined> {
    const beside = shown === undefined ? this.sessionBeside(socket) : undefined;
    if (beside === undefined) {
      return asked === undefined
        ? this.handshakes.findIfGood(request, OPTIONAL, shown)
        : this.handshakes.verify(request, asked, shown);
    }
    try {
      for (const each of asked ?? OPTIONAL) await this.heldSessions.judge(beside, each);
      return beside;
    } catch (error) {
      return asked === undefined && !isOutage(error) ? undefined : this.handshakes.refuse(error);
    }
  }

  // The handshake of a connection is as old as the connection, and so is the token in its cookie.
  private sessionBeside({ client }: IoSocket): ReadonlySession | undefined {
    for (const other of client?.sockets?.values() ?? []) {
      const session = this.held.sessionOf(other);
      const isOfHandshake = this.joined.get(other)?.hasShown !== true;
      if (isOfHandshake && session !== undefined && session !== 'ended') return session;
    }
    return undefined;
  }
}
