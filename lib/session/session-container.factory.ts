import { Injectable } from '@nestjs/common';
import type { SessionRecord } from '../store/session-record.js';
import { ContainerRoles, SessionContainer } from './session-container.js';
import type { SessionTokens } from './session-tokens.js';
import type { VerifiedToken } from './verified-token-cache.js';

/** Puts sessions into the application's hands, with all that a container needs. */
@Injectable()
export class SessionContainerFactory {
  constructor(private readonly roles: ContainerRoles) {}

  /** A session whose tokens have just been made. */
  issued({ tokens }: { tokens: SessionTokens }): SessionContainer {
    return new SessionContainer(tokens, tokens, this.roles);
  }

  /** A session that a verified token speaks for, without a look at its row. */
  remembered({ token: accessToken, claims }: VerifiedToken): SessionContainer {
    return new SessionContainer({ accessToken, claims }, undefined, this.roles);
  }

  /**
   * A session that a verified token speaks for.
   *
   * @param record the row, where it was read: what has changed in it since goes into a new token
   */
  async verified(token: VerifiedToken, record?: SessionRecord): Promise<SessionContainer> {
    const renewed = record && (await this.roles.editor.tokenFromRow(token.claims, record));
    if (renewed === undefined) return this.remembered(token);
    return new SessionContainer(renewed, renewed, this.roles);
  }
}
