import { Injectable } from '@nestjs/common';
import { RevocationStore } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import { SessionStore } from '../../store/session.store.js';
import { checkUserId } from '../input/session-input.js';
import {
  MOST_TOGETHER,
  SessionRevoker,
  type EndedSessions,
  type Ending,
} from './session-revoker.js';

/** Erases users: no row mentions them any more (GDPR, article 17). */
@Injectable()
export class UserEraser {
  constructor(
    private readonly database: SessionDatabase,
    private readonly revoker: SessionRevoker,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): UserEraser {
    return new UserEraser(database, this.revoker.withDatabase(database));
  }

  /** Ends a user's sessions in all tenants. The lines that still refuse their access tokens name only the session. */
  async forget(userId: unknown): Promise<void> {
    const checked = checkUserId(userId);
    const reason = 'user-forgotten';
    // If there are very many, nearly all are ended before, so that the transaction is short.
    if (!this.database.isInTransaction) await this.endMany(checked, { reason });
    const end = async (database: SessionDatabase): Promise<EndedSessions> => {
      const handles = await new SessionStore(database).handlesOfUser(checked, undefined);
      const each = await this.revoker.endIn(database, handles, { reason });
      await new RevocationStore(database).forgetUser(checked);
      return each;
    };
    await this.database.transaction(end, {
      onCommit: (ended) => this.revoker.announce(ended),
      locks: [`user ${checked}`],
    });
    if (this.database.isInTransaction) return;
    // On MariaDB and MySQL, that transaction does not see what others have committed since it began, such as the line of
    // a sign-out for which it has waited.
    await this.database.transaction((database) =>
      new RevocationStore(database).forgetUser(checked),
    );
  }

  private async endMany(userId: string, ending: Ending): Promise<void> {
    const handles = await new SessionStore(this.database).handlesOfUser(userId, undefined);
    if (handles.length > MOST_TOGETHER) await this.revoker.revoke(handles, ending);
  }
}
