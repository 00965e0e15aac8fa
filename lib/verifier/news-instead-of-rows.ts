import { Injectable } from '@nestjs/common';
import { SessionIssuerUnavailableException } from '../errors/session-issuer-unavailable.exception.js';
import { Clock } from '../time/clock.js';
import type { LiveSessions } from '../verification/live-sessions.js';
import { ReadingOnDemand } from '../time/reading-on-demand.js';
import { IssuerFeed } from './issuer-feed.js';

/** Where other applications ask the database because their news is too old, a service asks its issuer for news. */
@Injectable()
export class NewsInsteadOfRows implements LiveSessions {
  private readonly reading: ReadingOnDemand;

  constructor(feed: IssuerFeed, clock: Clock) {
    // It does not let the issuer hold its answer back. The poll that is under way may have been waiting since before a
    // suspension.
    this.reading = new ReadingOnDemand(clock, () => feed.poll());
  }

  /** The feed's own polls report what fails. */
  async catchUp(): Promise<void> {
    await this.reading.next()?.catch(() => undefined);
  }

  findLive(): Promise<never> {
    return Promise.reject(new SessionIssuerUnavailableException());
  }
}
