import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { SessionIssuerUnavailableException } from '../errors/session-issuer-unavailable.exception.js';
import { Clock } from '../time/clock.js';
import type { LiveSessions } from '../verification/live-sessions.js';
import { ReadingOnDemand } from '../time/reading-on-demand.js';
import { IssuerFeed } from './issuer-feed.js';

// An issuer that is there answers in less. While it is away, requests wait no longer for their 503.
const LONGEST_MS = 1_000;

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
    const reading = this.reading.next();
    if (reading === undefined) return;
    const late = delay(LONGEST_MS, undefined, { ref: false });
    await Promise.race([reading.catch(() => undefined), late]);
  }

  findLive(): Promise<never> {
    return Promise.reject(new SessionIssuerUnavailableException());
  }
}
