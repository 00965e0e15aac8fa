import { HttpException, Logger, Injectable, Inject } from '@nestjs/common';
import { catchError, concat, from, mergeMap, Observable } from 'rxjs';
import { TooManyRequestsException } from '../../errors/too-many-requests.exception.js';
import type { RateLimitCounter, ResolvedRateLimit } from '../../options/rate-limit-options.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { Deadline } from '../../store/deadline.js';
import { Clock } from '../../time/clock.js';
import { asHttpRequest } from '../context/http-request.js';
import { clientAddress } from './client-address.js';
import { MemoryCounter } from './memory-counter.js';

// A counter that hangs must not hold up a login for longer.
const COUNTER_TIMEOUT_MS = 1_000;

type Limited = 'logins' | 'refreshes';

/** Refuses logins and refreshes of an address that asks too often (ASVS 2.4.1). */
@Injectable()
export class RateLimiter {
  private readonly logger = new Logger('SessionModule');
  private readonly deadline = new Deadline(COUNTER_TIMEOUT_MS);
  private readonly counter: RateLimitCounter;
  private readonly countedByHand = new WeakSet<object>();
  private isWithoutAddress = false;
  private isFailing = false;

  constructor(
    clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    const { rateLimit } = options;
    this.counter = (rateLimit && rateLimit.counter) || new MemoryCounter(clock);
  }

  get isOn(): boolean {
    return this.options.rateLimit !== false;
  }

  /**
   * Counts a login or a refresh, before anything else is done for it.
   *
   * @throws {TooManyRequestsException}
   */
  async count(what: Limited, request: unknown): Promise<void> {
    const { rateLimit } = this.options;
    const address = this.addressOf(request);
    if (rateLimit === false || address === undefined) return;
    const { failures } = rateLimit;
    if (failures && (await this.add('failures', address, 0, failures)) >= failures.max) {
      throw tooMany(failures);
    }
    const limit = rateLimit[what];
    if (limit && (await this.add(what, address, 1, limit)) > limit.max) throw tooMany(limit);
  }

  /** The same for a handler that logs in by itself: the session that it then creates is not counted again. */
  async countByHand(request: object): Promise<void> {
    this.countedByHand.add(asHttpRequest(request));
    await this.count('logins', request);
  }

  /** Counts a session that is created by hand, unless its handler has counted the login already. */
  async countCreated(request: unknown): Promise<void> {
    if (this.countedByHand.has(request as object)) return;
    await this.count('logins', request);
  }

  /** Counts a login or a refresh that was refused. */
  async countFailure(request: unknown): Promise<void> {
    const { rateLimit } = this.options;
    const address = this.addressOf(request);
    if (rateLimit === false || rateLimit.failures === false || address === undefined) return;
    await this.add('failures', address, 1, rateLimit.failures);
  }

  /** Runs the handler of a login within the limits; what refuses the user stays counted as a failure. */
  aroundLogin<T>(request: unknown, handle: () => Observable<T>): Observable<T> {
    if (!this.isOn) return handle();
    return from(this.admit('logins', request)).pipe(
      mergeMap(() => {
        const settle = async (error?: unknown): Promise<void> => this.settle(request, error);
        const done = new Observable<never>((subscriber) => {
          settle().then(
            () => subscriber.complete(),
            () => subscriber.complete(),
          );
        });
        const fail = async (error: unknown): Promise<never> => {
          await settle(error);
          throw error;
        };
        return concat(handle().pipe(catchError((error: unknown) => from(fail(error)))), done);
      }),
    );
  }

  /** The same for a refresh. */
  async aroundRefresh<T>(request: unknown, refresh: () => Promise<T>): Promise<T> {
    await this.admit('refreshes', request);
    try {
      const refreshed = await refresh();
      await this.settle(request, undefined);
      return refreshed;
    } catch (error) {
      await this.settle(request, error);
      throw error;
    }
  }

  // An attempt counts as a failure from the moment it is let in: of many at once no more are looked at than the limit has.
  private async admit(what: Limited, request: unknown): Promise<void> {
    const { rateLimit } = this.options;
    const address = this.addressOf(request);
    if (rateLimit === false || address === undefined) return;
    const { failures } = rateLimit;
    if (failures && (await this.add('failures', address, 1, failures)) > failures.max) {
      await this.add('failures', address, -1, failures);
      throw tooMany(failures);
    }
    const limit = rateLimit[what];
    if (limit && (await this.add(what, address, 1, limit)) > limit.max) {
      await this.settle(request, undefined);
      throw tooMany(limit);
    }
  }

  // Only what says that somebody has guessed wrong stays counted.
  private async settle(request: unknown, error: unknown): Promise<void> {
    const { rateLimit } = this.options;
    const status = error instanceof HttpException ? error.getStatus() : undefined;
    if (status === 401 || status === 403 || status === this.options.sessionExpiredStatusCode)
      return;
    const address = this.addressOf(request);
    if (rateLimit === false || rateLimit.failures === false || address === undefined) return;
    await this.add('failures', address, -1, rateLimit.failures);
  }

  private addressOf(request: unknown): string | undefined {
    const httpRequest = asHttpRequest(request);
    if (!this.isOn) return undefined;
    const address = clientAddress(httpRequest);
    if (address === undefined && !this.isWithoutAddress) {
      this.isWithoutAddress = true;
      this.logger.warn(
        '`rateLimit` limits nobody: the request has no address. Tell the framework to trust your proxy ("trust proxy", `trustProxy`).',
      );
    }
    return address;
  }

  // Without its counter nobody is limited: an outage of it must not lock everyone out.
  private async add(
    what: string,
    address: string,
    amount: -1 | 0 | 1,
    { windowMs }: ResolvedRateLimit,
  ): Promise<number> {
    try {
      const count = await this.deadline.bound(async () =>
        this.counter.add(`${what}:${address}`, amount, windowMs),
      );
      if (!Number.isFinite(count)) throw new TypeError('not a number');
      this.isFailing = false;
      return count;
    } catch {
      if (!this.isFailing) this.logger.error('The counter of `rateLimit` fails: nobody is limited');
      this.isFailing = true;
      return 0;
    }
  }
}

function tooMany({ windowMs }: ResolvedRateLimit): TooManyRequestsException {
  return new TooManyRequestsException(Math.ceil(windowMs / 1000));
}
