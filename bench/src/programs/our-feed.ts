import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SessionService } from 'nestjs-auth-sessions';
import { DataSource, type QueryRunner } from 'typeorm';
import { answer } from '../answer.js';
import { cpuCount } from '../cpu-count.js';
import { IN_MEMORY, ourImports } from '../our-application.js';

const REVOKED = 100;

let statements = 0;

// An issuer whose feed of revocations is read by services.
answer({
  /** @returns the address of the feed */
  start: async (platform: 'express' | 'fastify', secret: string) => {
    @Module({ imports: ourImports(IN_MEMORY, { routes: { revocations: { secrets: [secret] } } }) })
    class Issuer {}
    const adapter = platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter();
    const app = await NestFactory.create(Issuer, adapter, { logger: ['error', 'warn'] });
    await app.listen(0, '127.0.0.1');
    const sessions = app.get(SessionService);
    for (let user = 0; user < REVOKED; user += 1) {
      const session = await sessions.createNewSessionWithoutRequestResponse('public', `u${user}`);
      await sessions.revokeSession(session.getHandle());
    }
    countStatements(app.get(DataSource));
    return `${await app.getUrl()}/auth/revocations`;
  },

  startCounting: () => {
    cpuCount.startCounting();
    statements = 0;
  },

  counted: () => ({ cpuMs: cpuCount.cpuMs(), statements }),
});

function countStatements(dataSource: DataSource): void {
  const runners = Object.getPrototypeOf(dataSource.createQueryRunner()) as QueryRunner;
  const { query } = runners;
  runners.query = function counted(this: QueryRunner, ...parameters: unknown[]) {
    statements += 1;
    return query.apply(this, parameters as never);
  } as typeof query;
}
