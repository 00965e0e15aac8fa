import 'reflect-metadata';
import { Body, Controller, Get, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  CreateSession,
  CurrentSession,
  VerifySession,
  type SessionContainer,
} from 'nestjs-auth-sessions';
import { answer } from '../answer.js';
import { cpuCount } from '../cpu-count.js';
import type { DatabasePlace } from '../databases.js';
import { ourImports } from '../our-application.js';

// An application as a user has it: a login, and a route that its sessions may call.
answer({
  start: async (place: DatabasePlace) => {
    @Controller()
    class UsersController {
      @Post('login') @CreateSession() logIn(@Body('userId') userId: string) {
        return userId;
      }
      @Get('me') @VerifySession() me(@CurrentSession() session: SessionContainer) {
        return { userId: session.getUserId() };
      }
    }
    @Module({ imports: ourImports(place), controllers: [UsersController] })
    class UsersModule {}
    const app = await NestFactory.create(UsersModule, { logger: ['error', 'warn'] });
    await app.listen(0, '127.0.0.1');
    // Longer than clients keep a connection that they don't use, as behind a proxy.
    app.getHttpServer().keepAliveTimeout = 65_000;
    return Number(new URL(await app.getUrl()).port);
  },
  ...cpuCount,
});
