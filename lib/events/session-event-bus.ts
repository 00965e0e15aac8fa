import { isSessionEventName, type SessionEventName, type SessionEvents } from './session-events.js';

/** Gets one kind of event. @publicApi */
export type SessionEventListener<Name extends SessionEventName> = (
  event: Readonly<SessionEvents[Name]>,
) => void | Promise<void>;

// A client can cause refusals as fast as it sends requests; a slow listener must not pile them up without end.
const MAX_PENDING_REFUSALS = 1_000;

type Listeners = { [Name in SessionEventName]?: Set<SessionEventListener<Name>> };

/**
 * Tells the application what happens to sessions. A listener runs apart from the request: one that throws, rejects or
 * never ends cannot break or delay it. Of `refused` at most 1,000 calls are pending at once; more are left out.
 *
 * @example
 * ```ts
 * constructor(events: SessionEventBus, mail: Mail) {
 *   events.on('theftDetected', ({ userId }) => mail.warn(userId));
 * }
 * ```
 * @publicApi
 */
export class SessionEventBus {
  private readonly listeners: Listeners = {};
  private pendingRefusals = 0;

  constructor(
    private readonly onListenerError: (name: SessionEventName) => void = () => undefined,
  ) {}

  /** Subscribes to one kind of event. @returns what ends the subscription */
  on<Name extends SessionEventName>(name: Name, listener: SessionEventListener<Name>): () => void {
    if (typeof listener !== 'function') throw new TypeError('listener must be a function');
    if (!isSessionEventName(name)) throw new TypeError('name must be that of a session event');
    const listeners: Set<SessionEventListener<Name>> = (this.listeners[name] ??= new Set<never>());
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  emit<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    const listeners: ReadonlySet<SessionEventListener<Name>> | undefined = this.listeners[name];
    if (listeners === undefined || listeners.size === 0) return;
    const frozen = Object.freeze(event);
    for (const listener of listeners) this.call(name, () => listener(frozen));
  }

  private call(name: SessionEventName, listener: () => void | Promise<void>): void {
    const isRefusal = name === 'refused';
    if (isRefusal && this.pendingRefusals >= MAX_PENDING_REFUSALS) return;
    if (isRefusal) this.pendingRefusals += 1;
    const run = (): void => {
      Promise.resolve()
        .then(listener)
        .catch(() => this.onListenerError(name))
        .finally(() => {
          if (isRefusal) this.pendingRefusals -= 1;
        });
    };
    // A refusal costs the server little; what a listener makes of it must not delay the answer.
    if (isRefusal) setImmediate(run);
    else queueMicrotask(run);
  }
}
