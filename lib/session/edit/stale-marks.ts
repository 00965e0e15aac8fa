import { Injectable, Logger } from '@nestjs/common';
import { isStale, MARKED_STALE_AT_MS, missingMark } from '../../claims/asked-in-vain.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { JsonObject } from '../input/json-object.js';
import { SessionDirectory } from '../verify/session-directory.js';
import { RegisteredClaims } from './registered-claims.js';
import { SessionEditor } from './session-editor.js';

/** Marks claims in the rows of sessions, so that they are fetched again after the feed's line has gone. */
@Injectable()
export class StaleMarks {
  private readonly logger = new Logger('SessionModule');

  constructor(
    private readonly directory: SessionDirectory,
    private readonly editor: SessionEditor,
    private readonly registry: RegisteredClaims,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): StaleMarks {
    return new StaleMarks(
      this.directory.withDatabase(database),
      this.editor.withDatabase(database),
      this.registry,
    );
  }

  /** Marks every registered claim of a user, also those that a session has no value of. */
  async mark(userId: string): Promise<void> {
    for (const handle of await this.directory.handlesOfUser(userId)) {
      const ofValues = (payload: Readonly<JsonObject>) => this.marksIn(payload);
      const ofAll = (payload: Readonly<JsonObject>) => ({
        ...this.missingIn(payload),
        ...this.marksIn(payload),
      });
      await this.editor.editByHandle(handle, ofAll).catch((error: unknown) => {
        // A token may have no room for more.
        if (error instanceof SessionInputException)
          return this.editor.editByHandle(handle, ofValues);
        throw error;
      });
    }
  }

  /** Marks the claims of some sessions that are stale since a time, and are not marked yet. */
  async markLate(
    handles: readonly string[],
    fetchedBeforeMs: number,
    nowMs: number,
  ): Promise<void> {
    for (const handle of handles) {
      const marksIn = (payload: Readonly<JsonObject>) =>
        this.marksIn(payload, (claim) => isStale(claim, payload, fetchedBeforeMs, nowMs));
      try {
        const record = await this.directory.find(handle);
        if (record === undefined || Object.keys(marksIn(record.accessTokenPayload)).length === 0)
          continue;
        await this.editor.editByHandle(handle, marksIn);
      } catch (error) {
        if (error instanceof SessionStoreUnavailableException) throw error;
        // A payload that can't be written must not keep the line of all others.
        this.logger.warn('The claims of a session could not be marked stale');
      }
    }
  }

  private missingIn(payload: Readonly<JsonObject>): JsonObject {
    const missing = this.registry.claims.filter(({ key }) => !Object.hasOwn(payload, key));
    return Object.assign({}, ...missing.map(missingMark)) as JsonObject;
  }

  private marksIn(
    payload: Readonly<JsonObject>,
    isLate?: (claim: SessionClaim<unknown>) => boolean,
  ): JsonObject {
    const marks = this.registry.claims.flatMap((claim) => {
      const value = claim.getValueFromPayload(payload);
      if (value === undefined) return [];
      const isMarked = claim.getLastFetchedTimeMs(payload) === MARKED_STALE_AT_MS;
      const isMeant = isLate === undefined || (!isMarked && isLate(claim));
      return isMeant ? [claim.addToPayload({}, value, MARKED_STALE_AT_MS)] : [];
    });
    return Object.assign({}, ...marks) as JsonObject;
  }
}
