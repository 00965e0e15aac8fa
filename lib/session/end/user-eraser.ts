import { Injectable } from '@nestjs/common';
import { RevocationStore } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import { checkUserId } from '../input/session-input.js';
import { UserRevoker } from './user-revoker.js';

/** Erases users: soon no row mentions them any more (GDPR, article 17). */
@Injectable()
export class UserEraser {
  constructor(
    private readonly database: SessionDatabase,
    private readonly userRevoker: UserRevoker,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): UserEraser {
    return new UserEraser(database, this.userRevoker.withDatabase(database));
  }

  /**
   * Ends a user's sessions in all tenants. The lines that still refuse their access tokens name only the session. One
   * cut-off names the user until it is pruned: it ends the logins that are under way, here and on other instances.
   */
  async forget(userId: unknown): Promise<void> {
    const checked = checkUserId(userId);
    await this.userRevoker.revokeAll(checked, undefined, { reason: 'user-forgotten' });
    // On MariaDB and MySQL, the transaction that ends them does not see what others have committed since it began. That
    // may be the line of a sign-out for which it has waited.
    await this.database.transaction((database) =>
      new RevocationStore(database).forgetUser(checked),
    );
  }
}
