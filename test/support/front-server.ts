import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What a browser talks to: serves pages, and hands every other request to an API as it came, `Host` and all. It can lose
 * the API's answers on their way back, and hold a request up.
 */
export class FrontServer {
  private readonly server: Server;
  private readonly files = new Map<string, { type: string; text: string }>();
  private apiUrl: string | undefined;
  private lossyPath: string | undefined;
  private held: { readonly path: string; readonly hold: (go: () => void) => void } | undefined;

  private constructor() {
    this.server = createServer((incoming, outgoing) => this.answer(incoming, outgoing));
  }

  static async start(): Promise<FrontServer> {
    const front = new FrontServer();
    await new Promise<void>((resolve) => {
      front.server.listen(0, '127.0.0.1', resolve);
    });
    return front;
  }

  /** How a page calls it by one of the names that lead to this machine (`localhost`, `*.localhost`, `127.0.0.1`). */
  origin(host: string): string {
    return `http://${host}:${(this.server.address() as AddressInfo).port}`;
  }

  serve(path: string, type: string, text: string): void {
    this.files.set(path, { type, text });
  }

  forwardTo(apiUrl: string): void {
    this.apiUrl = apiUrl;
  }

  /** From now on the API still gets requests to this path, and its answers are lost; `undefined`: no more. */
  loseAnswersOf(path: string | undefined): void {
    this.lossyPath = path;
  }

  /** Waits for the next request to this path, and holds it up. @returns what lets it go on to the API */
  holdNextTo(path: string): Promise<() => void> {
    return new Promise((hold) => {
      this.held = { path, hold };
    });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  private answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = (incoming.url ?? '/').replace(/\?.*/, '');
    const file = this.files.get(path);
    if (file !== undefined) {
      outgoing.setHeader('content-type', file.type);
      outgoing.end(file.text);
    } else if (this.apiUrl === undefined) {
      outgoing.writeHead(404).end();
    } else {
      const { apiUrl, held } = this;
      const forward = (): void => this.forward(apiUrl, path, incoming, outgoing);
      if (held?.path !== path || incoming.method === 'OPTIONS') return forward();
      this.held = undefined;
      held.hold(forward);
    }
  }

  private forward(
    apiUrl: string,
    path: string,
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): void {
    const { method, headers, url = '/' } = incoming;
    const request = httpRequest(apiUrl + url, { method, headers }, (answer) => {
      if (path === this.lossyPath && method !== 'OPTIONS') {
        answer.resume().on('end', () => outgoing.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    request.on('error', () => outgoing.destroy());
    incoming.pipe(request);
  }
}
