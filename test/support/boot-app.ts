import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Server } from 'node:http';
import { DataSource, type DataSourceOptions } from 'typeorm';
import {
  Clock,
  SessionModule,
  type SessionModuleExtras,
  type SessionModuleOptions,
} from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { HttpClient } from './http-client.js';

export const platforms = ['express', 'fastify'] as const;
export type Platform = (typeof platforms)[number];

export interface BootOptions {
  platform?: Platform;
  sessions?: SessionModuleOptions & SessionModuleExtras;
  /** How the module is imported, where `forRoot(sessions)` is not what a test is about. */
  sessionModule?: NonNullable<ModuleMetadata['imports']>[number];
  controllers?: Type[];
  providers?: ModuleMetadata['providers'];
  imports?: ModuleMetadata['imports'];
  database?: DataSourceOptions;
  clock?: Clock;
  /** Whether the platform takes the client's address from a proxy in front of it. */
  trustProxy?: boolean;
  /** Whether Fastify speaks HTTP/2, without TLS. */
  http2?: boolean;
  /** Puts something else in a provider's place. */
  override?: (testing: TestingModuleBuilder) => TestingModuleBuilder;
  /** Changes the app before it listens. */
  prepare?: (app: INestApplication) => void | Promise<void>;
}

/** A running application with everything a test asks it for. */
export interface BootedApp {
  app: INestApplication;
  url: string;
  dataSource: DataSource;
  clock: FakeClock;
  client(publicUrl?: string): HttpClient;
  close(): Promise<void>;
}

/** Starts a real Nest application on a free port; in-memory SQLite and a clock that stands still unless told otherwise. */
export async function bootApp(options: BootOptions = {}): Promise<BootedApp> {
  const clock = options.clock ?? new FakeClock();
  const database = options.database ?? { type: 'better-sqlite3' as const, database: ':memory:' };
  const builder = Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        synchronize: true,
        ...database,
        autoLoadEntities: true,
        retryAttempts: 0,
      }),
      options.sessionModule ?? SessionModule.forRoot(options.sessions),
      ...(options.imports ?? []),
    ],
    controllers: options.controllers ?? [],
    providers: options.providers ?? [],
  })
    .overrideProvider(Clock)
    .useValue(clock);
  const testing = await (options.override?.(builder) ?? builder).compile();
  const { trustProxy = false, http2 = false } = options;
  const express = new ExpressAdapter();
  if (trustProxy) express.set('trust proxy', true);
  const fastify = { trustProxy, ...(http2 && { http2 }) };
  const adapter = options.platform === 'fastify' ? new FastifyAdapter(fastify) : express;
  const app = testing.createNestApplication(adapter, { logger: false });
  await options.prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = new URL(await app.getUrl());
  const url = `http://127.0.0.1:${port}`;
  return {
    app,
    url,
    dataSource: app.get(DataSource),
    clock: clock as FakeClock,
    client: (publicUrl) => new HttpClient(url, publicUrl),
    close: () => closeWithConnections(app),
  };
}

// Node waits without end for a connection that brings no request, such as a stranger's on a port that is used again.
async function closeWithConnections(app: INestApplication): Promise<void> {
  const server = app.getHttpServer() as Server;
  const late = setTimeout(() => {
    process.emitWarning('Connections kept an application of the tests from closing');
    server.closeAllConnections();
  }, 10_000);
  await app.close().finally(() => clearTimeout(late));
}
