import type { SessionEventName, SessionEvents } from './session-events.js';

/** Gets one kind of event. @publicApi */
export type SessionEventListener<Name extends SessionEventName> = (
  event: Readonly<SessionEvents[Name]>,
) => void | Promise<void>;

const NAMES: Readonly<Record<SessionEventName, true>> = {
  created: true,
  refreshed: true,
  repeated: true,
  clientChanged: true,
  theftDetected: true,
  revoked: true,
  keyMade: true,
  keyRevoked: true,
  antiCsrfFailed: true,
};

type Listeners = { [Name in SessionEventName]?: Set<SessionEventListener<Name>> };

/**
 * Tells the application what happens to sessions. A listener runs behind the request: one that throws, rejects or never
 * ends cannot break or delay it.
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

  constructor(
    private readonly onListenerError: (name: SessionEventName) => void = () => undefined,
  ) {}

  /** Subscribes to one kind of event. @returns what ends the subscription */
  on<Name extends SessionEventName>(name: Name, listener: SessionEventListener<Name>): () => void {
    if (typeof listener !== 'function') throw new TypeError('listener must be a function');
    if (!Object.hasOwn(NAMES, name)) throw new TypeError('name must be that of a session event');
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
    for (const listener of listeners) {
      queueMicrotask(() => {
        Promise.resolve()
          .then(() => listener(frozen))
          .catch(() => this.onListenerError(name));
      });
    }
  }
}
