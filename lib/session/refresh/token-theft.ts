import { Injectable } from '@nestjs/common';
import type { TokenTheftDetectedException } from '../../errors/token-theft-detected.exception.js';
import type { SessionRecord } from '../../store/session-record.js';
import type { RefreshTokenClaims } from '../../tokens/refresh-token.js';
import { SessionRevoker } from '../end/session-revoker.js';
import { SessionRefusals } from '../refuse/session-refusals.js';
import type { JudgedToken } from './refresh-token-chooser.js';
import { RefreshWrites } from './refresh-writes.js';

/** Ends sessions whose spent refresh tokens come back. */
@Injectable()
export class TokenTheft {
  constructor(
    private readonly writes: RefreshWrites,
    private readonly revoker: SessionRevoker,
    private readonly refusals: SessionRefusals,
  ) {}

  /** @returns the refusal of the token */
  async end(
    record: SessionRecord,
    presented: RefreshTokenClaims,
  ): Promise<TokenTheftDetectedException> {
    const detail = `presented generation ${presented.generation}, current ${record.generation}`;
    const reason = 'token-theft';
    await this.writes.end(record.handle, reason, () =>
      this.revoker.revoke([record.handle], { reason, detail }),
    );
    return this.refusals.theft({ sessionHandle: record.handle, userId: record.userId });
  }

  /** The same for tokens beside another one, which decides what the request is answered. */
  async endBeside(spent: readonly JudgedToken[]): Promise<void> {
    for (const { session, token } of spent) {
      this.refusals.report('refresh', await this.end(session, token.claims));
    }
  }
}
