import type { INestApplication, ModuleMetadata, Type } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import {
  Clock,
  SessionVerifierModule,
  type SessionVerifierOptions,
} from '../../lib/verifier/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import type { Platform } from './boot-app.js';

export const FEED_SECRET = 'q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=';
export const ISSUER = 'https://api.example.com/auth';

export interface BootedVerifier {
  app: INestApplication;
  url: string;
  close(): Promise<void>;
}

/** Starts a service without a database, on a free port. */
export async function bootVerifier(settings: {
  platform?: Platform;
  options: SessionVerifierOptions;
  imports?: ModuleMetadata['imports'];
  controllers?: Type[];
  providers?: ModuleMetadata['providers'];
  clock?: Clock;
  logger?: Parameters<INestApplication['useLogger']>[0];
  prepare?: (app: INestApplication) => void | Promise<void>;
}): Promise<BootedVerifier> {
  const testing = await Test.createTestingModule({
    imports: [SessionVerifierModule.forRoot(settings.options), ...(settings.imports ?? [])],
    controllers: settings.controllers ?? [],
    providers: settings.providers ?? [],
  })
    .overrideProvider(Clock)
    .useValue(settings.clock ?? new FakeClock())
    .compile();
  const adapter = settings.platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
  const app = testing.createNestApplication(adapter, { logger: false });
  if (settings.logger !== undefined) app.useLogger(settings.logger);
  await settings.prepare?.(app);
  await app.listen(0, '127.0.0.1');
  return { app, url: (await app.getUrl()).replace('[::1]', '127.0.0.1'), close: () => app.close() };
}
