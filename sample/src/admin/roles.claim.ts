import { Injectable } from '@nestjs/common';
import { UserRoleClaim, type ClaimSubject } from 'nestjs-auth-sessions';
import { UsersService } from '../users/users.service.js';

/** The roles of a user, as the sample's own table has them. They go into every new session. */
@Injectable()
export class RolesClaim extends UserRoleClaim {
  constructor(private readonly users: UsersService) {
    super();
  }

  override async fetchValue({ userId }: ClaimSubject): Promise<string[]> {
    const account = await this.users.findById(userId);
    // An empty list says that there are none; `undefined` would leave the session the roles that it has.
    return account === null ? [] : [account.role];
  }
}
