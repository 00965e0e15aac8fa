import { Injectable } from '@nestjs/common';
import type { SessionRecord } from '../../store/session-record.js';
import { ContainerParts, SessionContainer } from './session-container.js';
import type { MintedTokens } from '../mint/minted-tokens.js';
import type { VerifiedToken } from '../verify/verified-token-cache.js';

/** Puts sessions into the application's hands, with all that a container needs. */
@Injectable()
export class SessionContainerFactory {
  constructor(private readonly parts: ContainerParts) {}

  /** A session whose tokens have just been made. */
  issued({ tokens }: { tokens: MintedTokens }): SessionContainer {
    return new SessionContainer(tokens, tokens, this.parts);
  }

  /** A session that a verified token speaks for, without a look at its row. */
  remembered({ token: accessToken, claims }: VerifiedToken): SessionContainer {
    return new SessionContainer({ accessToken, claims }, undefined, this.parts);
  }

  /**
   * A session that a verified token speaks for.
   *
   * @param record the row, where it was read: what has changed in it since goes into a new token
   */
  async verified(token: VerifiedToken, record?: SessionRecord): Promise<SessionContainer> {
    const renewed = record && (await this.parts.editor.tokenFromRow(token.claims, record));
    if (renewed === undefined) return this.remembered(token);
    return new SessionContainer(renewed, renewed, this.parts);
  }
}
