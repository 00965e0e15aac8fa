import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { SessionModule } from 'nestjs-auth-sessions';
import { AccountModule } from './account/account.module.js';
import { AdminModule } from './admin/admin.module.js';
import { RolesClaim } from './admin/roles.claim.js';
import { AuthController } from './auth/auth.controller.js';
import { BrowserSdkController } from './browser-sdk/browser-sdk.controller.js';
import { DemoModule } from './demo/demo.module.js';
import { settings } from './settings.js';
import { UsersModule } from './users/users.module.js';

@Module({
  imports: [
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
      device: { ip: true, userAgent: true, retention: '30d' },
      claims: [RolesClaim],
    }),
    UsersModule,
    AccountModule,
    AdminModule,
    DemoModule,
  ],
  controllers: [AuthController, BrowserSdkController],
})
export class AppModule {}
