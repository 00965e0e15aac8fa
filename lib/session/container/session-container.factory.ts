import { Injectable } from '@nestjs/common';
import type { HeldRow } from '../../store/session-outline.js';
import type { SessionDatabase } from '../../store/session-database.js';
import type { SessionRecord } from '../../store/session-record.js';
import { isShown } from '../edit/session-editor.js';
import { ContainerParts } from './container-parts.js';
import { SessionContainer } from './session-container.js';
import type { MintedTokens } from '../mint/minted-tokens.js';
import type { VerifiedSessions } from './verified-sessions.js';
import type { VerifiedToken } from '../verify/verified-token-cache.js';

/** Creates the session objects of the application, with everything that a container needs. */
@Injectable()
export class SessionContainerFactory implements VerifiedSessions<SessionContainer> {
  constructor(private readonly parts: ContainerParts) {}

  /** The same in the caller's transaction. */
  withDatabase(database: SessionDatabase): SessionContainerFactory {
    return new SessionContainerFactory(this.parts.withDatabase(database));
  }

  /** A session whose tokens have just been made. */
  issued({ tokens }: { tokens: MintedTokens }): SessionContainer {
    return new SessionContainer(tokens, tokens, this.parts);
  }

  /** A session with a verified token, without reading its row. */
  remembered({ token: accessToken, claims }: VerifiedToken): SessionContainer {
    return new SessionContainer({ accessToken, claims }, undefined, this.parts);
  }

  /**
   * A session with a verified token.
   *
   * @param record the row, if it was read: its later changes go into a new token
   */
  async verified(token: VerifiedToken, record?: SessionRecord): Promise<SessionContainer> {
    const renewed = record && (await this.parts.editor.tokenFromRow(token, record));
    if (renewed === undefined) return this.remembered(token);
    return new SessionContainer(renewed, renewed, this.parts);
  }

  async takeRow(session: SessionContainer, row: HeldRow): Promise<void> {
    // A connection may have its claims fetched at every look, without a message that would count anew.
    session.renewal.countAnew();
    const { claims } = session.live.held;
    if (isShown(row, claims)) return;
    // Read once more: the row may be older than the claims of an edit.
    const tokens = await this.parts.editor.currentToken(claims);
    if (tokens !== undefined) session.renewal.take(tokens);
  }

  attach(
    session: SessionContainer,
    request: unknown,
    response: unknown,
    transferMethod: 'cookie' | 'header',
  ): void {
    session.attachToRequestResponse(request, response, transferMethod);
  }

  limitChanges(session: SessionContainer): void {
    session.renewal.limit();
  }
}
