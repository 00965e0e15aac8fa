import { Injectable } from '@nestjs/common';
import { UserRoleClaim, type ClaimSubject } from 'nestjs-auth-sessions';
import { UsersService } from '../users/users.service.js';

/** The roles of a user, from the sample's own table. Every new session contains them. */
@Injectable()
export class RolesClaim extends UserRoleClaim {
  constructor(private readonly users: UsersService) {
    super();
  }

  override async fetchValue({ userId }: ClaimSubject): Promise<string[]> {
    const account = await this.users.findById(userId);
    // An empty list means that there are none; `undefined` would leave the session its old roles.
    return account === null ? [] : [account.role];
  }
}
