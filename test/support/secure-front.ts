import { createHash, X509Certificate } from 'node:crypto';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { newCertificate } from './certificate.js';

/** One request of a browser by itself, with no page behind it. */
export interface BindRequest {
  readonly sessionId: string | undefined;
  readonly hasProof: boolean;
  readonly status: number;
}

/** What ends TLS in front of an application, under a name that leads to this machine. */
export class SecureFront {
  /** What browsers have asked for by themselves, in order. */
  readonly bindRequests: BindRequest[] = [];
  /** What pages' requests said of a refresh that was skipped. */
  readonly skipped: string[] = [];
  private target = '';

  private constructor(
    private readonly server: Server,
    /** By which Chromium trusts the certificate: SHA-256 of its public key. */
    readonly fingerprint: string,
  ) {}

  static async start(): Promise<SecureFront> {
    const pair = await newCertificate('app.test');
    const spki = new X509Certificate(pair.cert).publicKey.export({ type: 'spki', format: 'der' });
    const fingerprint = createHash('sha256').update(spki).digest('base64');
    const front = new SecureFront(
      createServer(pair, (incoming, outgoing) => front.answer(incoming, outgoing)),
      fingerprint,
    );
    await new Promise<void>((resolve) => {
      front.server.listen(0, '127.0.0.1', resolve);
    });
    return front;
  }

  get origin(): string {
    return `https://app.test:${(this.server.address() as AddressInfo).port}`;
  }

  forwardTo(target: string): void {
    this.target = target;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  private answer(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (incoming.url === '/') {
      outgoing.setHeader('content-type', 'text/html').end('<!doctype html><title>page</title>');
      return;
    }
    const { method, headers } = incoming;
    const skipped = headers['secure-session-skipped'];
    if (skipped !== undefined) this.skipped.push(String(skipped));
    const forwarded = httpRequest(this.target + incoming.url, { method, headers }, (answer) => {
      const { statusCode: status = 502 } = answer;
      if (incoming.url?.endsWith('/session/bind') === true) {
        const sessionId = headers['sec-secure-session-id'];
        const hasProof = headers['secure-session-response'] !== undefined;
        this.bindRequests.push({ sessionId: sessionId?.toString(), hasProof, status });
      }
      outgoing.writeHead(status, answer.headers);
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(forwarded);
  }
}
