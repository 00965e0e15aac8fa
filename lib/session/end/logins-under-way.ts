import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import type { RevocationRecord } from '../../store/revocation.store.js';
import { Clock } from '../../time/clock.js';

/** A login whose session is still to be made. */
export interface LoginUnderWay {
  /** When its request began, in milliseconds since the epoch. */
  readonly begunAtMs: number;
  /** The cut-offs that its own request has made, such as the reset of a password that then logs its user in. */
  readonly ownCutOffs: readonly RevocationRecord[];
}

interface NotedLogin extends LoginUnderWay {
  readonly ownCutOffs: RevocationRecord[];
}

/**
 * Knows when logins began. What a login has found out, such as that a password is right, it found out after that, and
 * sessions that were revoked since are revoked for it too.
 */
@Injectable()
export class LoginsUnderWay {
  private readonly byRequest = new WeakMap<object, NotedLogin>();
  private readonly running = new AsyncLocalStorage<NotedLogin>();

  constructor(private readonly clock: Clock) {}

  /** Notes that a login has begun; the first call for a request counts. */
  begin(request: object): void {
    this.noted(request);
  }

  /** Runs the handler of a login: what is cut off meanwhile in its name is its own. */
  run<T>(request: object, handle: () => T): T {
    return this.running.run(this.noted(request), handle);
  }

  /** The same for what follows in a handler that calls us from within. Before its first `await`, or it has no effect. */
  enter(request: object): void {
    this.running.enterWith(this.noted(request));
  }

  /** The login of a request; else the one that the caller is part of; `undefined` for one that begins now. */
  find(request?: object): LoginUnderWay | undefined {
    return (request && this.byRequest.get(request)) ?? this.running.getStore();
  }

  /** Notes what has been cut off, as the work of the login that the caller is part of. */
  note(lines: readonly RevocationRecord[]): void {
    this.running.getStore()?.ownCutOffs.push(...lines.filter(({ kind }) => kind === 'cut-off'));
  }

  private noted(request: object): NotedLogin {
    const known = this.byRequest.get(request);
    if (known !== undefined) return known;
    const login = { begunAtMs: this.clock.now(), ownCutOffs: [] };
    this.byRequest.set(request, login);
    return login;
  }
}
