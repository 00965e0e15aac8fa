import { Inject, Injectable } from '@nestjs/common';
import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SessionStoreUnavailableException } from '../../errors/session-store-unavailable.exception.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { OverdueWrites } from '../../store/overdue-writes.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import { Clock } from '../../time/clock.js';
import type { AccessTokenClaims } from '../../tokens/access-token.js';
import { withoutReservedClaims } from '../../tokens/reserved-claims.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { activeAfterMs } from '../mint/session-lifetime.js';
import type { JsonObject } from '../input/json-object.js';
import { SessionDirectory } from '../verify/session-directory.js';
import type { VerifiedToken } from '../verify/verified-token-cache.js';
import {
  checkAccessTokenPayload,
  checkPayloadUpdate,
  checkReplacingData,
  readHandle,
} from '../input/session-input.js';
import type { MintedTokens } from '../mint/minted-tokens.js';
import { Turns } from './turns.js';

// Other instances race with this one, each mostly with one edit of a session at a time. Here, only edits in a caller's
// transaction and those that have waited too long do.
const MAX_RACES = 20;
// Ever longer and by chance, so that instances that met once do not meet again.
const LONGEST_PAUSE_MS = 50;

/** A row whose payload has changed, with a token that shows the change. */
export interface EditedSession {
  readonly record: SessionRecord;
  readonly tokens: MintedTokens;
}

/** Changes the content of a session: its payload and its data. */
@Injectable()
export class SessionEditor {
  private readonly turns = new Turns();
  private readonly overdueData = new OverdueWrites();

  constructor(
    private readonly store: SessionStore,
    private readonly directory: SessionDirectory,
    private readonly minter: AccessTokenMinter,
    private readonly clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction, whose edits wait for no others: it may hold what those need. */
  withDatabase(database: SessionDatabase): SessionEditor {
    return new SessionEditor(
      new SessionStore(database),
      this.directory.withDatabase(database),
      this.minter,
      this.clock,
      this.options,
    );
  }

  /** Replaces the session's data; `null` empties it. @returns whether the session existed */
  async replaceData(handle: unknown, data: unknown): Promise<boolean> {
    // A missing field of a form must not empty it.
    const checked = checkReplacingData(data);
    const known = readHandle(handle);
    if (known === undefined) return false;
    const nowMs = this.clock.now();
    const live = { nowMs, activeAfterMs: activeAfterMs(nowMs, this.options) };
    const replace = () => this.store.replaceSessionData(known, checked, live);
    if (await this.overdueData.run([known], replace)) return true;
    // Without its flag FOUND_ROWS, MySQL's protocol does not count a row that already holds the same data.
    return (await this.directory.find(known)) !== undefined;
  }

  /** Merges into the payload of a session by its handle. Tokens show it from the next refresh on. */
  async mergeByHandle(handle: unknown, update: unknown): Promise<boolean> {
    return this.editByHandle(handle, () => update);
  }

  /** The same with an update that depends on the current payload. */
  async editByHandle(
    handle: unknown,
    updateOf: (payload: Readonly<JsonObject>) => unknown,
  ): Promise<boolean> {
    // The token only shows if it would be too large, before anything is written.
    const edited = await this.merge(handle, updateOf, (record) =>
      this.remint(record, {
        refreshTokenHash1: record.parentHash,
        parentRefreshTokenHash1: record.parentHash,
        antiCsrfToken: this.minter.sampleAntiCsrfToken,
      }),
    );
    return edited !== undefined;
  }

  /** Merges into the payload of a token's session. The new token has the lineage and the end of the old one. */
  mergeForToken(
    claims: Readonly<AccessTokenClaims>,
    updateOf: (payload: Readonly<JsonObject>) => unknown,
  ): Promise<EditedSession | undefined> {
    return this.merge(claims.sessionHandle, updateOf, (record) =>
      this.remint(record, claims, claims),
    );
  }

  /** A token with the payload of the row as it is now. It takes its turn among the edits, so it is older than none. */
  currentToken(claims: Readonly<AccessTokenClaims>): Promise<MintedTokens | undefined> {
    const { sessionHandle } = claims;
    return this.turns.take(sessionHandle, async () => {
      const record = await this.directory.find(sessionHandle);
      return record && this.remint(record, claims, claims);
    });
  }

  /**
   * A token with the row's payload, if the presented one differs. It ends at the same time: a holder of only an access
   * token must not be able to prolong the session.
   */
  async tokenFromRow(
    { claims, isUnseen = false }: VerifiedToken,
    record: SessionRecord,
  ): Promise<MintedTokens | undefined> {
    if (isShown(record, claims)) return undefined;
    // The use of the presented one has confirmed its generation, unless its browser has not got it.
    const lineage = isUnseen ? claims : { ...claims, parentRefreshTokenHash1: null };
    return this.remint(record, lineage, claims);
  }

  // Requests of a page come together. Each would read the row before the first has changed it.
  private async merge(
    handle: unknown,
    updateOf: (payload: Readonly<JsonObject>) => unknown,
    mint: (record: SessionRecord) => Promise<MintedTokens>,
  ): Promise<EditedSession | undefined> {
    const known = readHandle(handle);
    if (known === undefined) return undefined;
    return this.turns.take(known, () => this.mergeByVersion(known, updateOf, mint));
  }

  private async mergeByVersion(
    handle: string,
    updateOf: (payload: Readonly<JsonObject>) => unknown,
    mint: (record: SessionRecord) => Promise<MintedTokens>,
  ): Promise<EditedSession | undefined> {
    for (let races = 0; races < MAX_RACES; races += 1) {
      if (races > 0) await pause(randomInt(Math.min(2 ** races, LONGEST_PAUSE_MS)));
      const found = await this.directory.find(handle);
      if (found === undefined) return undefined;
      const update = checkPayloadUpdate(updateOf(found.accessTokenPayload));
      const accessTokenPayload = checkAccessTokenPayload(
        mergePayload(found.accessTokenPayload, update),
      );
      const record = { ...found, accessTokenPayload };
      const tokens = await mint(record);
      const { dataVersion } = found;
      if (await this.store.replaceAccessTokenPayload(handle, dataVersion, accessTokenPayload)) {
        return { record, tokens };
      }
    }
    throw new SessionStoreUnavailableException({ cause: new Error('the payload did not settle') });
  }

  private async remint(
    record: SessionRecord,
    lineage: Pick<
      AccessTokenClaims,
      'refreshTokenHash1' | 'parentRefreshTokenHash1' | 'antiCsrfToken'
    >,
    replaced?: Readonly<AccessTokenClaims>,
  ): Promise<MintedTokens> {
    return this.minter.mint(record, lineage, { replaced });
  }
}

/** Whether a token shows the payload of a row. */
export function isShown(
  { accessTokenPayload }: Pick<SessionRecord, 'accessTokenPayload'>,
  claims: Readonly<AccessTokenClaims>,
): boolean {
  return JSON.stringify(withoutReservedClaims(claims)) === JSON.stringify(accessTokenPayload);
}

/** A shallow merge, in which `null` deletes a key (SuperTokens' `mergeIntoAccessTokenPayload`). */
export function mergePayload(
  payload: Readonly<Record<string, unknown>>,
  update: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged = Object.entries({ ...payload, ...update });
  return Object.fromEntries(merged.filter(([name]) => update[name] !== null));
}
