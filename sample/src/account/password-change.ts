import { BadRequestException, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { SessionService } from 'nestjs-auth-sessions';
import { DataSource } from 'typeorm';
import type { PasswordChangeForm } from '../users/forms.js';
import { hashPassword } from '../users/password.js';
import { User, type Account } from '../users/user.entity.js';
import { UsersService } from '../users/users.service.js';

export interface ChangedPassword {
  account: Account;
  endedSessions: number;
}

@Injectable()
export class PasswordChange {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionService,
  ) {}

  /**
   * Changes the password and ends every session of the user, both or neither: nobody with the old password may stay
   * logged in.
   *
   * @throws {BadRequestException} if the current password is wrong; nothing changes
   */
  async change(userId: string, form: PasswordChangeForm): Promise<ChangedPassword> {
    const account = await this.users.checkById(userId, form.currentPassword);
    if (account === null) {
      throw new BadRequestException({
        statusCode: 400,
        message: 'That is not your current password.',
        field: 'currentPassword',
      });
    }
    const passwordHash = await hashPassword(form.newPassword);
    const ended = await this.dataSource.transaction(async (manager) => {
      await manager.update(User, userId, { passwordHash });
      return this.sessions.withManager(manager).revokeAllSessionsForUser(userId);
    });
    // Again, because a login that began before the commit may have read the old password.
    await this.sessions.revokeAllSessionsForUser(userId);
    return { account, endedSessions: ended.length };
  }
}
