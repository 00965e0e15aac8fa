import { Injectable, Inject } from '@nestjs/common';
import type { AccessTokenPayload } from '../../claims/access-token-payload.js';
import { buildClaims } from '../../claims/build-claims.js';
import { withoutChanged } from '../../claims/changed-meanwhile.js';
import type { ClaimValidatorsOverride } from '../../claims/claim-validators-override.js';
import type { ClaimValidationError } from '../../claims/session-claim-validator.js';
import type { SessionClaim } from '../../claims/session-claim.js';
import { validateClaims } from '../../claims/validate-claims.js';
import { SessionInputException } from '../../errors/session-input.exception.js';
import { kindOf } from '../../options/option-checks.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ClockCorrection } from '../../store/clock-correction.js';
import { CommittedLines } from '../../revocation/committed-lines.js';
import { RevocationStore } from '../../store/revocation.store.js';
import { SessionDatabase } from '../../store/session-database.js';
import type { SessionRecord } from '../../store/session-record.js';
import { Clock } from '../../time/clock.js';
import { checkClaim, claimUpdate } from '../input/function-arguments.js';
import { staleClaimsRow } from '../../revocation/new-revocation-rows.js';
import { checkUserId } from '../input/session-input.js';
import { AccessTokenMinter } from '../mint/access-token-minter.js';
import { RegisteredClaims } from './registered-claims.js';
import {
  toInformation,
  SessionDirectory,
  type SessionInformation,
} from '../verify/session-directory.js';
import { SessionEditor } from './session-editor.js';
import { StaleMarks } from './stale-marks.js';

/** The result for a session that does not exist. @publicApi */
export interface SessionDoesNotExist {
  status: 'SESSION_DOES_NOT_EXIST_ERROR';
}

/** The claims of sessions by handle. Tokens show changes from the next refresh on. */
@Injectable()
export class ClaimsByHandle {
  constructor(
    private readonly directory: SessionDirectory,
    private readonly editor: SessionEditor,
    private readonly clockCorrection: ClockCorrection,
    private readonly clock: Clock,
    private readonly registry: RegisteredClaims,
    private readonly database: SessionDatabase,
    private readonly committed: CommittedLines,
    private readonly marks: StaleMarks,
    private readonly minter: AccessTokenMinter,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): ClaimsByHandle {
    const { clockCorrection, clock, registry, committed, minter, options } = this;
    const directory = this.directory.withDatabase(database);
    const editor = this.editor.withDatabase(database);
    const marks = this.marks.withDatabase(database);
    return new ClaimsByHandle(
      directory,
      editor,
      clockCorrection,
      clock,
      registry,
      database,
      committed,
      marks,
      minter,
      options,
    );
  }

  async fetchAndSet(handle: string, claim: SessionClaim<unknown>): Promise<boolean> {
    const record = await this.directory.find(handle);
    if (record === undefined) return false;
    const nowMs = this.clock.now();
    const subject = this.minter.subjectOf(record);
    const update = await buildClaims([checkClaim(claim)], subject, nowMs);
    return this.mergeFetched(record, update, nowMs);
  }

  async set<T>(handle: string, claim: SessionClaim<T>, value: T): Promise<boolean> {
    return this.editor.mergeByHandle(handle, claimUpdate(claim, value, this.clock.now()));
  }

  async get<T>(
    handle: string,
    claim: SessionClaim<T>,
  ): Promise<{ status: 'OK'; value: T | undefined } | SessionDoesNotExist> {
    const record = await this.directory.find(handle);
    if (record === undefined) return { status: 'SESSION_DOES_NOT_EXIST_ERROR' };
    return {
      status: 'OK',
      value: checkClaim(claim).getValueFromPayload(record.accessTokenPayload),
    };
  }

  /**
   * Has the registered claims of a user fetched again: on each instance at the user's next request, within the feed's
   * poll interval. After that, the rows decide.
   */
  async markStale(userId: unknown): Promise<void> {
    const checked = checkUserId(userId);
    // By a clock that has jumped ahead, each request would fetch them again until then.
    if (!this.database.isInTransaction) await this.clockCorrection.measureWhenDue();
    const row = staleClaimsRow(checked, this.clock.now(), this.options);
    await new RevocationStore(this.database).insert([row]);
    this.committed.learn([row], this.database);
    await this.marks.mark(checked);
  }

  async remove(handle: string, claim: SessionClaim<unknown>): Promise<boolean> {
    return this.editor.mergeByHandle(handle, checkClaim(claim).removeFromPayloadByMerge({}));
  }

  async validate(
    handle: string,
    override?: ClaimValidatorsOverride<SessionInformation>,
  ): Promise<{ status: 'OK'; invalidClaims: ClaimValidationError[] } | SessionDoesNotExist> {
    if (override !== undefined && typeof override !== 'function') {
      throw new SessionInputException(
        'overrideGlobalClaimValidators',
        `must be a function, not ${kindOf(override)}`,
      );
    }
    const record = await this.directory.find(handle);
    if (record === undefined) return { status: 'SESSION_DOES_NOT_EXIST_ERROR' };
    const globalValidators = [...this.registry.globalValidators];
    const validators =
      override === undefined
        ? globalValidators
        : await override(globalValidators, toInformation(record));
    const nowMs = this.clock.now();
    const { invalidClaims, accessTokenPayloadUpdate } = await validateClaims({
      validators,
      subject: this.minter.subjectOf(record),
      registered: this.registry.claims,
      nowMs,
    });
    if (accessTokenPayloadUpdate !== undefined) {
      await this.mergeFetched(record, accessTokenPayloadUpdate, nowMs);
    }
    return { status: 'OK', invalidClaims };
  }

  private mergeFetched(
    { handle, accessTokenPayload }: SessionRecord,
    update: AccessTokenPayload,
    begunAtMs: number,
  ): Promise<boolean> {
    return this.editor.editByHandle(handle, withoutChanged(update, accessTokenPayload, begunAtMs));
  }
}
