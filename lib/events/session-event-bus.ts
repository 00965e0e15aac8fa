import { SessionTally } from './session-tally.js';
import { isSessionEventName, type SessionEventName, type SessionEvents } from './session-events.js';

/** Receives one kind of event. Its result is ignored, but the log tells of a promise that rejects. @publicApi */
export type SessionEventListener<Name extends SessionEventName> = (
  event: Readonly<SessionEvents[Name]>,
) => unknown;

// A client can cause refusals as fast as it sends requests. With a slow listener, they must not pile up without limit.
const MAX_PENDING_REFUSALS = 1_000;
const REFUSALS: ReadonlySet<SessionEventName> = new Set([
  'refused',
  'proofFailed',
  'antiCsrfFailed',
]);

type Listeners = { [Name in SessionEventName]?: Set<SessionEventListener<Name>> };

/**
 * Tells the application what happens to sessions. Listeners run apart from the request: one that throws, rejects or
 * never ends can't break or delay it. At most 1,000 calls for `refused`, `proofFailed` and `antiCsrfFailed` are pending at
 * once; further ones are dropped.
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
    private readonly tally = new SessionTally(),
  ) {}

  /**
   * Subscribes to one kind of event. The same function may subscribe several times.
   *
   * @returns a function that ends this subscription
   */
  on<Name extends SessionEventName>(name: Name, listener: SessionEventListener<Name>): () => void {
    if (typeof listener !== 'function') throw new TypeError('listener must be a function');
    if (!isSessionEventName(name)) throw new TypeError('name must be the name of a session event');
    const listeners: Set<SessionEventListener<Name>> = (this.listeners[name] ??= new Set<never>());
    // Of its own for each subscription, so that none ends another one of the same function.
    const subscription: SessionEventListener<Name> = (event) => listener(event);
    listeners.add(subscription);
    return () => {
      listeners.delete(subscription);
    };
  }

  emit<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    this.tally.add(name, event);
    const listeners: ReadonlySet<SessionEventListener<Name>> | undefined = this.listeners[name];
    if (listeners === undefined || listeners.size === 0) return;
    const frozen = Object.freeze(event);
    for (const listener of listeners) this.call(name, () => listener(frozen));
  }

  private call(name: SessionEventName, listener: () => unknown): void {
    const isRefusal = REFUSALS.has(name);
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
    // A refusal costs the server little, so a listener's work must not delay the answer.
    if (isRefusal) setImmediate(run);
    else queueMicrotask(run);
  }
}
