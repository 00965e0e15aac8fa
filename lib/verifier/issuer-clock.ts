import { Injectable } from '@nestjs/common';
import { clockOffset, correctionMs } from '../time/clock-offset.js';
import { Clock } from '../time/clock.js';
import { IssuerFault } from './issuer-client.js';

// Revocations are remembered ten minutes longer than an access token lives. Within these, no clock can bring one back.
const MOST_APART_MS = 10 * 60_000;
// A slow answer tells little about when it was made.
const SLOW_MS = 2_000;

/** Keeps this service's clock on the issuer's, which decides when tokens expire and sessions are revoked. */
@Injectable()
export class IssuerClock {
  private shiftedByMs = 0;
  private isSet = false;

  constructor(private readonly clock: Clock) {}

  /**
   * @param beforeMs this service's time when it asked
   * @param issuerMs the time in the issuer's answer
   * @throws {IssuerFault} if the two clocks are so far apart that one must be corrected
   */
  adjust(beforeMs: number, issuerMs: number): void {
    const nowMs = this.clock.now();
    const own = nowMs - this.shiftedByMs;
    if (Math.abs(issuerMs - own) > MOST_APART_MS) {
      throw new IssuerFault('its clock and this machine’s are more than ten minutes apart');
    }
    if (nowMs < beforeMs || (this.isSet && nowMs - beforeMs > SLOW_MS)) return;
    this.clock.shiftBy(correctionMs(clockOffset(beforeMs, issuerMs, nowMs)));
    this.shiftedByMs += this.clock.now() - nowMs;
    this.isSet = true;
  }
}
