import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { sessionEntities } from 'nestjs-auth-sessions';
import { answer } from '../answer.js';
import { typeormOptions, type DatabasePlace } from '../databases.js';

// The same application without our module: what Nest and TypeORM take to start by themselves.
answer({
  start: async (place: DatabasePlace) => {
    const startedAt = performance.now();
    @Module({
      imports: [
        TypeOrmModule.forRoot({ ...typeormOptions(place), entities: [...sessionEntities] }),
      ],
    })
    class PlainApplication {}
    await NestFactory.createApplicationContext(PlainApplication, { logger: ['error', 'warn'] });
    return { startedInMs: performance.now() - startedAt };
  },
});
