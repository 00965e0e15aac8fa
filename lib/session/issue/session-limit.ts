import { Injectable, Inject } from '@nestjs/common';
import { SessionLimitException } from '../../errors/session-limit.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { SessionDirectory } from '../verify/session-directory.js';
import { SessionRevoker } from '../end/session-revoker.js';

/**
 * Keeps the number of a user's sessions in a tenant within the limit (ASVS 7.1.2).
 *
 * Each login looks after its own row has been committed: whichever of several logins at once commits last sees them all,
 * so that no more than the limit are left, without a lock. In a transaction of the caller's, only what others have
 * committed before is seen.
 */
@Injectable()
export class SessionLimit {
  constructor(
    private readonly store: SessionStore,
    private readonly directory: SessionDirectory,
    private readonly revoker: SessionRevoker,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in a transaction of the caller's. */
  withDatabase(database: SessionDatabase): SessionLimit {
    const store = new SessionStore(database);
    return new SessionLimit(
      store,
      this.directory.withDatabase(database),
      this.revoker.withDatabase(database),
      this.options,
    );
  }

  /**
   * Refuses a login before it changes anything: sessions that it replaces would otherwise be gone for nothing.
   *
   * @param replaced handles of the sessions whose place it takes
   * @throws {SessionLimitException} where the limit is reached and the policy is to refuse
   */
  async refuseIfFull(
    login: Pick<SessionRecord, 'userId' | 'tenantId'>,
    replaced: readonly string[],
  ): Promise<void> {
    const { maxSessionsPerUser } = this.options;
    if (maxSessionsPerUser === false || maxSessionsPerUser.onLimit !== 'refuse') return;
    const found = await this.directory.handlesOfUser(login.userId, login.tenantId);
    const staying = found.filter((handle) => !replaced.includes(handle));
    if (staying.length >= maxSessionsPerUser.max) {
      throw new SessionLimitException(maxSessionsPerUser.max);
    }
  }

  /** @throws {SessionLimitException} where the limit has been passed and the policy is to refuse */
  async makeRoomFor(created: SessionRecord): Promise<void> {
    const { maxSessionsPerUser } = this.options;
    if (maxSessionsPerUser === false) return;
    const { max, onLimit } = maxSessionsPerUser;
    const found = await this.directory.ofUser(created.userId, created.tenantId);
    if (found.length <= max) return;
    if (onLimit === 'refuse') {
      await this.store.deleteAll([created.handle]);
      throw new SessionLimitException(max);
    }
    const handles = found.toSorted(newestFirst).map((record) => record.handle);
    await this.revoker.revoke(handles.slice(max), { reason: 'session-limit' });
  }
}

// Handles break ties alike for everybody: logins at once must agree on which sessions are the oldest.
function newestFirst(a: SessionRecord, b: SessionRecord): number {
  return b.createdAtMs - a.createdAtMs || (a.handle < b.handle ? 1 : -1);
}
