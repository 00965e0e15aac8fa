import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AccountController } from './account.controller.js';
import { PasswordChange } from './password-change.js';
import { ProfileController } from './profile.controller.js';
import { TheftAlarm } from './theft-alarm.js';

/** What a user does once logged in. */
@Module({
  imports: [UsersModule],
  controllers: [ProfileController, AccountController],
  providers: [PasswordChange, TheftAlarm],
})
export class AccountModule {}
