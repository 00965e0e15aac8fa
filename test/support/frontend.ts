import type { ModuleMetadata, Type } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SessionService, type SessionModuleOptions } from '../../lib/index.js';
import { bootApp, type BootedApp, type BootOptions } from './boot-app.js';
import { codeInDocs } from './doc-code.js';
import { FrontServer } from './front-server.js';
import { SdkApi } from './sdk-api.js';
import { sdkScript } from './sdk-script.js';
import { plainModule } from '../../scripts/plain-module.mjs';
import { Traffic } from './traffic.js';

/** Where the page is, seen from the API. */
export const topologies = ['one origin', 'two origins of one site', 'two sites'] as const;
export type Topology = (typeof topologies)[number];

// Chromium takes every name under localhost to this machine, and example.localhost for a site as it does example.com.
const HOSTS: Readonly<Record<Topology, { page: string; api: string }>> = {
  'one origin': { page: 'localhost', api: 'localhost' },
  'two origins of one site': { page: 'app.example.localhost', api: 'api.example.localhost' },
  'two sites': { page: 'localhost', api: '127.0.0.1' },
};

/** What docs/frontend.md says to set for each. */
const SESSIONS: Readonly<Record<Topology, SessionModuleOptions>> = {
  'one origin': {},
  'two origins of one site': {},
  'two sites': { cookie: { sameSite: 'none', partitioned: true } },
};

export interface FrontendOptions extends Pick<BootOptions, 'platform' | 'clock' | 'database'> {
  /** Beside the application that is always there. */
  controllers?: readonly Type[];
  imports?: ModuleMetadata['imports'];
  topology?: Topology;
  /** Added to what the topology needs. */
  sessions?: SessionModuleOptions | ((pageUrl: string) => SessionModuleOptions);
  /** Sets `issuer` to the API's public URL. */
  withIssuer?: boolean;
}

/** A page and an API for it, each behind a server of its own where they are two origins. */
export class Frontend {
  readonly traffic = new Traffic();

  private constructor(
    readonly pageUrl: string,
    readonly apiUrl: string,
    readonly booted: BootedApp,
    /** What stands between the browser and the API. */
    readonly apiFront: FrontServer,
    private readonly fronts: readonly FrontServer[],
  ) {}

  static async start(options: FrontendOptions = {}): Promise<Frontend> {
    const { topology = 'one origin' } = options;
    const pageFront = await FrontServer.start();
    const apiFront = topology === 'one origin' ? pageFront : await FrontServer.start();
    const pageUrl = pageFront.origin(HOSTS[topology].page);
    const apiUrl = apiFront.origin(HOSTS[topology].api);
    servePages(pageFront);
    const booted = await bootSdkApi(pageUrl, apiUrl, options);
    apiFront.forwardTo(booted.url);
    const fronts = [...new Set([pageFront, apiFront])];
    const frontend = new Frontend(pageUrl, apiUrl, booted, apiFront, fronts);
    frontend.traffic.watch(booted.app);
    return frontend;
  }

  /** Lets the access tokens that are out now expire, as every one of an hour does. */
  expireAccessTokens(): void {
    this.booted.clock.advanceMs(3_601_000);
  }

  async stop(): Promise<void> {
    for (const front of this.fronts) await front.stop();
    await this.booted.close();
  }
}

/** The API for a page, as an application sets it up. */
export function bootSdkApi(
  pageUrl: string,
  apiUrl: string,
  options: FrontendOptions,
): Promise<BootedApp> {
  const { platform, clock, database, topology = 'one origin', withIssuer = false } = options;
  const { sessions = {}, controllers = [], imports = [] } = options;
  return bootApp({
    controllers: [SdkApi, ...controllers],
    imports,
    sessions: {
      ...SESSIONS[topology],
      ...(withIssuer ? { issuer: `${apiUrl}/auth` } : {}),
      ...(typeof sessions === 'function' ? sessions(pageUrl) : sessions),
    },
    ...(platform === undefined ? {} : { platform }),
    ...(clock === undefined ? {} : { clock }),
    ...(database === undefined ? {} : { database }),
    prepare: (app) => {
      if (topology === 'one origin') return;
      const ours = app.get(SessionService).getAllCORSHeaders();
      app.enableCors({
        origin: pageUrl,
        credentials: true,
        allowedHeaders: ['content-type', ...ours],
      });
    },
  });
}

function servePages(front: FrontServer): void {
  const page = (name: string) => readFileSync(join(import.meta.dirname, 'pages', name), 'utf8');
  front.serve('/sdk.html', 'text/html', page('sdk.html'));
  front.serve('/sdk.js', 'text/javascript', sdkScript());
  front.serve('/plain.html', 'text/html', page('plain.html'));
  front.serve(
    '/session-fetch.js',
    'text/javascript',
    codeInDocs('frontend.md', 'session-fetch.js'),
  );
  const client = readFileSync(join(import.meta.dirname, '../../lib/client/index.ts'), 'utf8');
  front.serve('/client.js', 'text/javascript', plainModule(client));
  front.serve('/client.html', 'text/html', page('client.html'));
  front.serve('/service-worker.js', 'text/javascript', page('service-worker.js'));
}
