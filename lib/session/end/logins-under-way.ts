import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import type { RevocationRecord } from '../../store/revocation-record.js';
import { Clock } from '../../time/clock.js';

/** A login whose session does not exist yet. */
export interface LoginUnderWay {
  /** When its request began, in milliseconds since the epoch. */
  readonly begunAtMs: number;
  /** The cut-offs of its own request, such as a password reset that then logs its user in. */
  readonly ownCutOffs: readonly RevocationRecord[];
}

interface NotedLogin extends LoginUnderWay {
  readonly ownCutOffs: RevocationRecord[];
}

/**
 * The logins that the caller is part of, one for each module that it logs in to. One storage serves all modules of a
 * process, as Node up to version 22 carries each storage that was ever used from promise to promise, for ever.
 */
const running = new AsyncLocalStorage<ReadonlyMap<LoginsUnderWay, NotedLogin>>();

/**
 * Remembers when logins began. A login checks facts, such as the password, only after that time. So sessions revoked
 * since then are revoked for the login too.
 */
@Injectable()
export class LoginsUnderWay {
  private readonly byRequest = new WeakMap<object, NotedLogin>();

  constructor(private readonly clock: Clock) {}

  /** Notes that a login has begun. The first call for a request counts. */
  begin(request: object): void {
    this.noted(request);
  }

  /** Runs the handler of a login. Cut-offs made on its behalf meanwhile are its own. */
  run<T>(request: object, handle: () => T): T {
    return running.run(this.runningWith(request), handle);
  }

  /**
   * The same for the rest of a handler that calls us from inside. Call it before the handler's first `await`, or it has
   * no effect.
   */
  enter(request: object): void {
    running.enterWith(this.runningWith(request));
  }

  /** The login of a request, or the one that the caller is part of; `undefined` for a login that begins now. */
  find(request?: object): LoginUnderWay | undefined {
    return (request && this.byRequest.get(request)) ?? running.getStore()?.get(this);
  }

  /** Notes cut-offs as the work of the login that the caller is part of. */
  note(lines: readonly RevocationRecord[]): void {
    running
      .getStore()
      ?.get(this)
      ?.ownCutOffs.push(...lines.filter(({ kind }) => kind === 'cut-off'));
  }

  private runningWith(request: object): ReadonlyMap<LoginsUnderWay, NotedLogin> {
    return new Map(running.getStore()).set(this, this.noted(request));
  }

  private noted(request: object): NotedLogin {
    const known = this.byRequest.get(request);
    if (known !== undefined) return known;
    const login = { begunAtMs: this.clock.now(), ownCutOffs: [] };
    this.byRequest.set(request, login);
    return login;
  }
}
