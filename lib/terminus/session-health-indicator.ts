import { Injectable } from '@nestjs/common';
import { SessionHealth, type SessionHealthReport } from '../session/session-health.js';

/**
 * The state of this instance's sessions, as a @nestjs/terminus indicator: whether the database answers, and the age of
 * the revocation feed and of the keys. `down` fails the health check.
 *
 * @example
 * ```ts
 * @Get('health')
 * @PublicAccess()
 * @HealthCheck()
 * check() {
 *   return this.health.check([() => this.sessions.check('sessions')]);
 * }
 * ```
 * @publicApi
 */
@Injectable()
export class SessionHealthIndicator {
  constructor(private readonly health: SessionHealth) {}

  /**
   * Never throws, and answers within two seconds even if the database does not.
   *
   * @param key the key in terminus's report
   */
  async check<const Key extends string>(
    key: Key,
  ): Promise<Record<Key, SessionHealthReport & Record<string, unknown>>> {
    const report = { ...(await this.health.check()) };
    return { [key]: report } as Record<Key, typeof report>;
  }
}
