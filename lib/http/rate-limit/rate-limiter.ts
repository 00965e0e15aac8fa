import { HttpException, Logger, Injectable, Inject } from '@nestjs/common';
import { catchError, finalize, from, mergeMap, type Observable } from 'rxjs';
import { TooManyRequestsException } from '../../errors/too-many-requests.exception.js';
import type { ResolvedRateLimit } from '../../options/rate-limit-options.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
} from '../../options/resolved-options.js';
import { ByRequest } from '../../session/input/by-request.js';
import { Clock } from '../../time/clock.js';
import { onceAnswered } from '../context/answered-request.js';
import { asHttpRequest } from '../context/http-request.js';
import { AddressCounts } from './address-counts.js';
import { clientAddress } from './client-address.js';
import { followsRightPassword } from './right-password.js';

/** The logins that were admitted before their result is known, for one request. */
interface Attempts {
  /** How many of them count as failures until the result is known. */
  open: number;
  /** Kept, because an answered request may no longer know its address. */
  readonly address: string | undefined;
}

type Limited = 'logins' | 'refreshes';

/** Whether a request shows one of our tokens, by its signature alone. It may be asked several times. */
type ShowsOurs = () => Promise<boolean>;

/** Refuses logins and refreshes of an address with too many requests (ASVS 2.4.1). */
@Injectable()
export class RateLimiter {
  private readonly logger = new Logger('SessionModule');
  private readonly counts: AddressCounts;
  private readonly byHand = new ByRequest<Attempts>();
  private isWithoutAddress = false;

  constructor(
    clock: Clock,
    @Inject(RESOLVED_SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
  ) {
    this.counts = new AddressCounts(clock, options);
  }

  get isOn(): boolean {
    return this.options.rateLimit !== false;
  }

  /**
   * Counts a login before its handler's guards, because one of them may check the password. `aroundLogin` goes on with
   * this attempt. If a guard refuses the login, it counts as a failure unless the status of the answer shows otherwise.
   *
   * @param isOnly whether the request has no other login. Then its status is the result of this one, and an attempt
   * that the application has counted by hand is this one too
   * @throws {TooManyRequestsException}
   */
  async countAhead(request: object, isOnly: boolean): Promise<void> {
    const { open = 0 } = this.byHand.get(request) ?? {};
    if (isOnly && open > 0) return;
    await this.countByHand(request, isOnly);
  }

  /**
   * Counts a login whose handler itself logs the user in. It counts as a failure until a created session or the status
   * of the answer shows otherwise.
   *
   * @throws {TooManyRequestsException}
   */
  async countByHand(request: object, isShownByStatus = true): Promise<void> {
    const httpRequest = asHttpRequest(request);
    if (!this.isOn) return;
    const attempts = this.byHand.get(httpRequest) ?? { open: 0, address: this.addressOf(request) };
    this.byHand.set(httpRequest, attempts);
    await this.admit('logins', attempts.address);
    attempts.open += 1;
    if (!isShownByStatus) return;
    onceAnswered(request, (status) => {
      const { open } = attempts;
      attempts.open = 0;
      if (this.isRefusal(status)) return;
      for (let count = 0; count < open; count += 1) void this.takeBack(attempts.address);
    });
  }

  /** Creates a session by hand, within the limits. The login is counted unless its handler has already counted it. */
  async aroundCreated<T>(request: unknown, create: () => Promise<T>): Promise<T> {
    const attempts = this.byHand.get(request as object);
    if (attempts === undefined) return this.aroundAttempt('logins', request, create);
    const created = create();
    const isRight = await created.then(() => true, followsRightPassword);
    if (isRight && attempts.open > 0) {
      attempts.open -= 1;
      await this.takeBack(attempts.address);
    }
    return created;
  }

  /** Counts a refused login. One that was counted on admission stays counted. */
  async countFailure(request: unknown): Promise<void> {
    const { rateLimit } = this.options;
    const attempts = this.byHand.get(asHttpRequest(request));
    if (attempts !== undefined && attempts.open > 0) {
      attempts.open -= 1;
      return;
    }
    const address = this.addressOf(request);
    if (rateLimit === false || rateLimit.failures === false || address === undefined) return;
    await this.counts.add('failures', address, 1, rateLimit.failures);
  }

  /**
   * Counts a wrong secret of another server, apart from its users' failures: they may share its address.
   *
   * @throws {TooManyRequestsException} if the address has shown too many
   */
  async countWrongSecret(request: unknown): Promise<void> {
    const { rateLimit } = this.options;
    const address = this.addressOf(request);
    if (rateLimit === false || rateLimit.failures === false || address === undefined) return;
    const { failures } = rateLimit;
    if ((await this.counts.add('secrets', address, 1, failures)) > failures.max)
      throw tooMany(failures);
  }

  /**
   * Runs the handler of a login within the limits. If it refuses the user, the failure stays counted.
   *
   * @param handle gives one result
   */
  aroundLogin<T>(request: unknown, handle: () => Observable<T>): Observable<T> {
    if (!this.isOn) return handle();
    return from(this.admitOnce(request as object)).pipe(
      mergeMap((attempts) => {
        let isOpen = true;
        const settle = (error?: unknown): Promise<void> => {
          isOpen = false;
          return this.settle(attempts.address, error);
        };
        return handle().pipe(
          mergeMap((result) => settle().then(() => result)),
          catchError(async (error: unknown): Promise<never> => {
            await settle(error);
            throw error;
          }),
          // A time limit may cut the login off. Then the status of the answer is its result.
          finalize(() => {
            if (isOpen) attempts.open += 1;
          }),
        );
      }),
    );
  }

  /**
   * The same for a refresh. With an authentic token, a refusal is no failure: many people's sessions may have ended. Nor
   * is it refused for failures: somebody else at its address may have guessed.
   */
  aroundRefresh<T>(request: unknown, refresh: () => Promise<T>, showsOurs: ShowsOurs): Promise<T> {
    return this.aroundAttempt('refreshes', request, refresh, showsOurs);
  }

  private async admitOnce(request: object): Promise<Attempts> {
    const attempts = this.byHand.get(request) ?? { open: 0, address: this.addressOf(request) };
    if (attempts.open === 0) await this.admit('logins', attempts.address);
    else attempts.open -= 1;
    return attempts;
  }

  private async aroundAttempt<T>(
    what: Limited,
    request: unknown,
    attempt: () => Promise<T>,
    showsOurs?: ShowsOurs,
  ): Promise<T> {
    const address = this.addressOf(request);
    await this.admit(what, address, showsOurs);
    try {
      const result = await attempt();
      await this.settle(address, undefined);
      return result;
    } catch (error) {
      const isOurs = await showsOurs?.().catch(() => false);
      await this.settle(address, isOurs ? undefined : error);
      throw error;
    }
  }

  // An attempt counts as a failure as soon as it is admitted. So of many simultaneous attempts, no more are checked
  // than the limit allows.
  private async admit(what: Limited, address?: string, showsOurs?: ShowsOurs): Promise<void> {
    const { rateLimit } = this.options;
    if (rateLimit === false || address === undefined) return;
    const { failures, [what]: limit } = rateLimit;
    try {
      const count = failures ? await this.counts.add('failures', address, 1, failures) : 0;
      if (failures && count > failures.max && !(await showsOurs?.())) throw tooMany(failures);
      if (limit && (await this.counts.add(what, address, 1, limit)) > limit.max)
        throw tooMany(limit);
    } catch (error) {
      await this.takeBack(address);
      throw error;
    }
  }

  // Only errors that indicate a wrong guess stay counted.
  private async settle(address: string | undefined, error: unknown): Promise<void> {
    const isRefusal = error instanceof HttpException && this.isRefusal(error.getStatus());
    if (!isRefusal || followsRightPassword(error)) await this.takeBack(address);
  }

  private isRefusal(status: number): boolean {
    return status === 401 || status === 403 || status === this.options.sessionExpiredStatusCode;
  }

  private async takeBack(address: string | undefined): Promise<void> {
    const { rateLimit } = this.options;
    if (rateLimit === false || rateLimit.failures === false || address === undefined) return;
    await this.counts.add('failures', address, -1, rateLimit.failures);
  }

  private addressOf(request: unknown): string | undefined {
    const httpRequest = asHttpRequest(request);
    if (!this.isOn) return undefined;
    const address = clientAddress(httpRequest);
    if (address === undefined && !this.isWithoutAddress) {
      this.isWithoutAddress = true;
      this.logger.warn(
        '`rateLimit` limits nobody, because the request has no address. Configure the framework to trust your proxy ("trust proxy", `trustProxy`).',
      );
    }
    return address;
  }
}

function tooMany({ windowMs }: ResolvedRateLimit): TooManyRequestsException {
  return new TooManyRequestsException(Math.ceil(windowMs / 1000));
}
