import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.js';
import { AccountController } from './account.controller.js';
import { LiveController } from './live.controller.js';
import { PasswordChange } from './password-change.js';
import { ProfileController } from './profile.controller.js';
import { TheftAlarm } from './theft-alarm.js';

/** The account pages of a logged-in user. */
@Module({
  imports: [UsersModule],
  controllers: [LiveController, ProfileController, AccountController],
  providers: [PasswordChange, TheftAlarm],
})
export class AccountModule {}
