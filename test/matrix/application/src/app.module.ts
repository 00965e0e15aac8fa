import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SessionModule } from 'nestjs-auth-sessions';
import { SessionHealthIndicator } from 'nestjs-auth-sessions/terminus';
import { AccountController } from './account.controller.js';
import { AppController } from './app.controller.js';
import { AppService } from './app.service.js';
import { database } from './database.js';
import { HealthController } from './health.controller.js';
import { MigrationsController } from './migrations.controller.js';
import { RuntimeController } from './runtime.controller.js';

@Module({
  imports: [TypeOrmModule.forRoot(database()), SessionModule.forRoot(), TerminusModule],
  controllers: [
    AppController,
    AccountController,
    HealthController,
    MigrationsController,
    RuntimeController,
  ],
  providers: [AppService, SessionHealthIndicator],
})
export class AppModule {}
