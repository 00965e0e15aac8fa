import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What stands between an application and its database. */
export type Fault = 'none' | 'refuse' | 'hang' | 'reset' | 'slow';

const SLOW_MS = 40;

/** A TCP proxy in front of a database server, which can break in the ways that networks and servers do. */
export class FaultProxy {
  private readonly pairs = new Set<{ client: Socket; server: Socket }>();
  private listener: Server | undefined;
  /** Where it listens. */
  port = 0;
  private fault: Fault = 'none';

  private constructor(private readonly target: URL) {}

  static async to(target: URL): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.listen();
    return proxy;
  }

  /** A database's address by way of the proxy. */
  through(address: string): string {
    const url = new URL(address);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** From now on: connections that are open, and new ones. */
  async set(fault: Fault): Promise<void> {
    const before = this.fault;
    this.fault = fault;
    if (fault === 'refuse') await this.stopListening();
    else if (before === 'refuse') await this.listen();
    if (fault === 'refuse' || fault === 'reset') this.resetAll();
    for (const pair of this.pairs) flow(pair, fault !== 'hang');
  }

  async end(): Promise<void> {
    await this.stopListening();
    this.resetAll();
  }

  private async listen(): Promise<void> {
    this.listener = createServer((client) => this.accept(client));
    this.listener.listen(this.port, '127.0.0.1');
    await once(this.listener, 'listening');
    const address = this.listener.address();
    if (typeof address === 'object' && address !== null) this.port = address.port;
  }

  private async stopListening(): Promise<void> {
    const { listener } = this;
    this.listener = undefined;
    if (listener === undefined) return;
    listener.close();
    this.resetAll();
    await once(listener, 'close');
  }

  private accept(client: Socket): void {
    if (this.fault === 'reset') {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const { hostname, port } = this.target;
    const pair = { client, server: connect(Number(port), hostname) };
    this.pairs.add(pair);
    this.forward(pair, client, pair.server);
    this.forward(pair, pair.server, client);
    flow(pair, this.fault !== 'hang');
  }

  private forward(pair: { client: Socket; server: Socket }, from: Socket, to: Socket): void {
    from.on('data', (chunk) => {
      if (this.fault !== 'slow') {
        to.write(chunk);
        return;
      }
      // Nothing overtakes a chunk that waits.
      from.pause();
      setTimeout(() => {
        to.write(chunk);
        if (this.fault !== 'hang') from.resume();
      }, SLOW_MS);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      to.destroy();
      this.pairs.delete(pair);
    });
  }

  private resetAll(): void {
    for (const { client, server } of this.pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
  }
}

function flow({ client, server }: { client: Socket; server: Socket }, isFlowing: boolean): void {
  for (const socket of [client, server]) {
    if (isFlowing) socket.resume();
    else socket.pause();
  }
}
