import 'reflect-metadata';
import { Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  SessionModule,
  type SessionModuleExtras,
  type SessionModuleOptions,
} from 'nestjs-auth-sessions';
import { typeormOptions, type DatabasePlace } from './databases.js';

export const IN_MEMORY: DatabasePlace = { engine: 'sqlite', at: ':memory:' };

/** Our module in an application without HTTP. */
export function startOurs(
  place: DatabasePlace,
  sessions: SessionModuleOptions = {},
): Promise<INestApplicationContext> {
  @Module({ imports: ourImports(place, sessions) })
  class OurApplication {}
  return NestFactory.createApplicationContext(OurApplication, { logger: ['error', 'warn'] });
}

export function ourImports(
  place: DatabasePlace,
  sessions: SessionModuleOptions & SessionModuleExtras = {},
) {
  return [...databaseImports(place), SessionModule.forRoot(sessions)];
}

/** The database of an application, whatever its sessions. */
export function databaseImports(place: DatabasePlace) {
  const synchronize = place.at === ':memory:';
  return [TypeOrmModule.forRoot({ ...typeormOptions(place), autoLoadEntities: true, synchronize })];
}

/** The cookies that a browser sends after a login. */
export function cookieHeader(accessToken: string, refreshToken: string): string {
  return `__Host-sAccessToken=${accessToken}; __Host-sRefreshToken=${refreshToken}`;
}
