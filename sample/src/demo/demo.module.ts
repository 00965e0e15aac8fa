import { Module } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Session } from 'nestjs-auth-sessions';
import { BoundTheftController } from './bound-theft.controller.js';
import { CookieReportInterceptor } from './cookie-report.interceptor.js';
import { SessionRowController } from './session-row.controller.js';
import { TheftPropsController } from './theft-props.controller.js';

/** Only a demonstration needs this, to show what happens behind the page. No real application has it. */
@Module({
  imports: [TypeOrmModule.forFeature([Session])],
  controllers: [BoundTheftController, SessionRowController, TheftPropsController],
  providers: [{ provide: APP_INTERCEPTOR, useClass: CookieReportInterceptor }],
})
export class DemoModule {}
