import { Injectable, Inject } from '@nestjs/common';
import { SessionLimitException } from '../../errors/session-limit.exception.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionListing } from '../../store/session-outline.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import { SessionDirectory } from '../verify/session-directory.js';
import { AHEAD_MS, SessionRevoker } from '../end/session-revoker.js';

/**
 * Keeps the number of a user's sessions in a tenant within the limit (ASVS 7.1.2).
 *
 * Each login checks after its own row has been committed. Of several simultaneous logins, the last one to commit sees
 * all of them, so no more than the limit remain, without a lock. In the caller's transaction, it only sees earlier
 * commits of others.
 */
@Injectable()
export class SessionLimit {
  constructor(
    private readonly store: SessionStore,
    private readonly directory: SessionDirectory,
    private readonly revoker: SessionRevoker,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionLimit {
    const store = new SessionStore(database);
    return new SessionLimit(
      store,
      this.directory.withDatabase(database),
      this.revoker.withDatabase(database),
      this.clock,
      this.options,
    );
  }

  /**
   * Refuses a login before it changes anything. Otherwise the sessions that it replaces would be lost for nothing.
   *
   * @param replaced their handles
   * @returns those of them that count. If the login ends one of these, it has taken its place
   * @throws {SessionLimitException} if the limit is reached and the policy is to refuse
   */
  async refuseIfFull(
    login: Pick<SessionRecord, 'userId' | 'tenantId'>,
    replaced: readonly string[],
  ): Promise<string[]> {
    const { maxSessionsPerUser } = this.options;
    if (maxSessionsPerUser === false || maxSessionsPerUser.onLimit !== 'refuse') return [];
    const { max } = maxSessionsPerUser;
    const found = await this.ownSessionsOf(login, max + replaced.length);
    const handles = found.map(({ handle }) => handle);
    const places = handles.filter((handle) => replaced.includes(handle));
    if (handles.length - places.length >= max) throw new SessionLimitException(max);
    return places;
  }

  /**
   * Ends the oldest sessions beyond the limit, or this one if the policy is to refuse.
   *
   * @returns the handles of those that it has ended
   */
  async makeRoomFor(created: SessionRecord): Promise<string[]> {
    const { maxSessionsPerUser } = this.options;
    if (maxSessionsPerUser === false) return [];
    const { max, onLimit } = maxSessionsPerUser;
    const found = await this.ownSessionsOf(created);
    if (found.length <= max) return [];
    if (onLimit === 'refuse') {
      await this.store.deleteAll([created.handle]);
      throw new SessionLimitException(max);
    }
    const handles = found
      .toSorted(newestFirst(created, this.clock.now()))
      .map(({ handle }) => handle);
    const oldest = handles.slice(max);
    await this.revoker.revoke(oldest, { reason: 'session-limit' });
    return oldest;
  }

  /**
   * The same for a session whose row is committed. In an outage it lives: otherwise its row would count, but nobody
   * would have its tokens. The next login makes room.
   *
   * @throws {SessionLimitException} if the limit has been exceeded and the policy is to refuse
   */
  async makeRoomAfter(created: SessionRecord): Promise<string[]> {
    try {
      return await this.makeRoomFor(created);
    } catch (error) {
      if (!(error instanceof SessionStoreUnavailableException)) throw error;
      return [];
    }
  }

  // Sessions in which somebody else acts as the user do not count.
  private async ownSessionsOf(
    { userId, tenantId }: Pick<SessionRecord, 'userId' | 'tenantId'>,
    enough = Number.POSITIVE_INFINITY,
  ): Promise<SessionListing[]> {
    const found: SessionListing[] = [];
    for await (const page of this.directory.pagesOfUser(userId, tenantId)) {
      found.push(...page.filter(({ actor }) => actor === null));
      if (found.length >= enough) break;
    }
    return found;
  }
}

// By the moment at which each user had proved who they are: a login that began earlier, and whose user took longer, is
// the newer one. No refresh moves it. Handles break ties in the same way everywhere: simultaneous logins must agree on the
// oldest sessions.
function newestFirst(created: SessionRecord, nowMs: number) {
  // A session of the future began before the clock went back. As the newest one, it would have each login ended. The
  // clock may go back during this very login.
  const isOld = ({ handle, authenticatedAtMs }: SessionListing): number =>
    authenticatedAtMs > nowMs + AHEAD_MS && handle !== created.handle ? 1 : 0;
  return (a: SessionListing, b: SessionListing): number =>
    isOld(a) - isOld(b) ||
    b.authenticatedAtMs - a.authenticatedAtMs ||
    (a.handle < b.handle ? 1 : -1);
}
