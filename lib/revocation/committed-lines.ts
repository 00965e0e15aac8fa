import { Injectable } from '@nestjs/common';
import type { RevocationRecord } from '../store/revocation-record.js';
import { RevocationStore } from '../store/revocation.store.js';
import type { SessionDatabase } from '../store/session-database.js';
import { RevocationFeed } from './revocation-feed.js';

/** Brings this instance's own lines to its memory once they are committed, also where nothing is polled. */
@Injectable()
export class CommittedLines {
  /** Lines of commits after which the database could not be asked. */
  private missed: string[] = [];

  constructor(
    private readonly store: RevocationStore,
    private readonly feed: RevocationFeed,
  ) {
    feed.onNews(() => void this.askForMissed());
  }

  /** @param database where the lines were written: their transaction is over, or it is a caller's */
  learn(lines: readonly RevocationRecord[], database: SessionDatabase): void {
    if (!database.isInTransaction) {
      this.feed.learn(lines);
      return;
    }
    const ids = lines.map(({ id }) => id);
    database.afterCommit(
      // Part of the transaction may have been undone.
      async (committed) => this.feed.learn(await new RevocationStore(committed).find(ids)),
      () => this.missed.push(...ids),
    );
  }

  private async askForMissed(): Promise<void> {
    const ids = this.missed;
    if (ids.length === 0) return;
    this.missed = [];
    try {
      this.feed.learn(await this.store.find(ids));
    } catch {
      this.missed.push(...ids);
    }
  }
}
