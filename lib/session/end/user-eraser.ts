import { Injectable } from '@nestjs/common';
import { RevocationStore } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import { SessionStore } from '../../store/session.store.js';
import { checkUserId } from '../input/session-input.js';
import { SessionRevoker } from './session-revoker.js';

/** Erases users: no row says any more that they were here (GDPR, article 17). */
@Injectable()
export class UserEraser {
  constructor(
    private readonly database: SessionDatabase,
    private readonly revoker: SessionRevoker,
  ) {}

  /** The same in a transaction of the caller's. */
  withDatabase(database: SessionDatabase): UserEraser {
    return new UserEraser(database, this.revoker.withDatabase(database));
  }

  /** Ends a user's sessions in all tenants. What still refuses their access tokens names the session alone. */
  async forget(userId: unknown): Promise<void> {
    const checked = checkUserId(userId);
    const reason = 'user-forgotten';
    const ended = await this.database.transaction(async (database) => {
      const sessions = await new SessionStore(database).outlinesOfUser(checked, undefined);
      const handles = sessions.map((session) => session.handle);
      const each = await this.revoker.endIn(database, handles, { reason });
      await new RevocationStore(database).forgetUser(checked);
      return each;
    });
    this.revoker.announce(ended, { reason });
  }
}
