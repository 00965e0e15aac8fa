import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Session } from 'nestjs-auth-sessions';
import { CookieReportInterceptor } from './cookie-report.interceptor.js';
import { SessionRowController } from './session-row.controller.js';
import { TheftPropsController } from './theft-props.controller.js';

/** What only a demonstration needs, to show what happens behind the page. No real application has this. */
@Module({
  imports: [TypeOrmModule.forFeature([Session])],
  controllers: [SessionRowController, TheftPropsController],
  providers: [{ provide: APP_INTERCEPTOR, useClass: CookieReportInterceptor }],
})
export class DemoModule {}
