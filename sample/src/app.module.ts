import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { LoggerModule } from 'nestjs-pino';
import { sessionLogRedaction, SessionModule } from 'nestjs-auth-sessions';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { RolesClaim } from './admin/roles.claim.js';
import { AuthController } from './auth/auth.controller.js';
import { BrowserSdkController } from './browser-sdk/browser-sdk.controller.js';
import { DemoModule } from './demo/demo.module.js';
import { HealthController } from './health/health.controller.js';
import { settings } from './settings.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
    // A failed request is logged with its headers, but without the tokens.
    LoggerModule.forRoot({ pinoHttp: { level: 'warn', redact: [...sessionLogRedaction] } }),
    TypeOrmModule.forRoot({
      type: 'better-sqlite3',
      database: settings.database,
      enableWAL: true,
      autoLoadEntities: true,
      synchronize: true,
    }),
    SessionModule.forRoot({
      accessTokenLifetime: settings.accessTokenLifetimeSeconds,
      refreshTokenLifetime: settings.refreshTokenLifetimeSeconds,
      refreshGracePeriod: settings.gracePeriodSeconds,
      deviceBinding: true,
      device: { ip: true, userAgent: true, retention: '30d' },
      claims: [RolesClaim],
    }),
    UsersModule,
    AccountModule,
    AdminModule,
    DemoModule,
  ],
  controllers: [AuthController, BrowserSdkController, HealthController],
})
export class AppModule {}
