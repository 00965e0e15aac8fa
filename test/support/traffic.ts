import type { INestApplication } from '@nestjs/common';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';

/** One request as the API saw it, and what it answered. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly status: number;
  readonly answerHeaders: Readonly<Record<string, unknown>>;
}

/** What goes in and out of an API, preflights apart. */
export class Traffic {
  private exchanges: Exchange[] = [];

  /** To be called before the application listens. */
  watch(app: INestApplication): void {
    const server = app.getHttpServer() as Server;
    server.prependListener('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      outgoing.on('finish', () => {
        if (incoming.method === 'OPTIONS') return;
        this.exchanges.push({
          method: incoming.method ?? '',
          path: (incoming.url ?? '').replace(/\?.*/, ''),
          headers: incoming.headers,
          status: outgoing.statusCode,
          answerHeaders: { ...outgoing.getHeaders() },
        });
      });
    });
  }

  to(path: string): Exchange[] {
    return this.exchanges.filter((each) => each.path === path);
  }

  get refreshes(): Exchange[] {
    return this.to('/auth/session/refresh');
  }

  forget(): void {
    this.exchanges = [];
  }
}
