import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import type { RevocationRecord } from '../../store/revocation-record.js';
import { Clock } from '../../time/clock.js';
import { ByRequest } from '../input/by-request.js';

/** A login whose session does not exist yet. */
export interface LoginUnderWay {
  /** When its request began, in milliseconds since the epoch. */
  readonly begunAtMs: number;
  /** The cut-offs of its own request, such as a password reset that then logs its user in. */
  readonly ownCutOffs: readonly RevocationRecord[];
}

interface NotedLogin extends LoginUnderWay {
  readonly ownCutOffs: RevocationRecord[];
  /** Whether a handler has begun it. */
  isBegun: boolean;
  isOver: boolean;
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
  private readonly byRequest = new ByRequest<NotedLogin>();

  constructor(private readonly clock: Clock) {}

  /**
   * Notes that the login of a handler has begun. The first call for a request counts.
   *
   * @returns whether it is the first
   */
  begin(request: object): boolean {
    const login = this.noted(request);
    const isFirst = !login.isBegun;
    login.isBegun = true;
    return isFirst;
  }

  /** Runs the handler of a login. Cut-offs made on its behalf meanwhile are its own. */
  run<T>(request: object, handle: () => T): T {
    return running.run(this.runningWith(request), handle);
  }

  /**
   * The same for the rest of a handler that calls us from inside. Call it before the handler's first `await`, or it has
   * no effect. Call `leave` once the request is answered: up to version 22, Node carries what was entered before any
   * `await` into the later requests of the connection.
   */
  enter(request: object): void {
    running.enterWith(this.runningWith(request));
  }

  /** The request is answered, so its login is over. */
  leave(request: object): void {
    this.noted(request).isOver = true;
  }

  /** The login of a request, or else the one that the caller is part of; `undefined` for a login that begins now. */
  find(request?: object): LoginUnderWay | undefined {
    return request === undefined ? this.current() : this.byRequest.get(request);
  }

  /** Notes cut-offs as the work of the login that the caller is part of. */
  note(lines: readonly RevocationRecord[]): void {
    this.current()?.ownCutOffs.push(...lines.filter(({ kind }) => kind === 'cut-off'));
  }

  private current(): NotedLogin | undefined {
    const login = running.getStore()?.get(this);
    return login?.isOver === true ? undefined : login;
  }

  private runningWith(request: object): ReadonlyMap<LoginsUnderWay, NotedLogin> {
    return new Map(running.getStore()).set(this, this.noted(request));
  }

  private noted(request: object): NotedLogin {
    const known = this.byRequest.get(request);
    if (known !== undefined) return known;
    const login = { begunAtMs: this.clock.now(), ownCutOffs: [], isBegun: false, isOver: false };
    this.byRequest.set(request, login);
    return login;
  }
}
