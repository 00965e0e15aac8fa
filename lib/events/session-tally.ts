import type { SessionEventName, SessionEvents } from './session-events.js';

/** A count under some labels. */
export interface CountedValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The labels of an event's counter. Each label has few values. */
type Counted = { readonly [Name in SessionEventName]?: (event: SessionEvents[Name]) => Labels };
type Labels = Readonly<Record<string, string>>;

const NO_LABELS: Labels = {};
const COUNTED: Counted = {
  created: () => NO_LABELS,
  refreshed: () => ({ as: 'rotation' }),
  repeated: ({ as }) => ({ as }),
  revoked: ({ reason }) => ({ reason }),
  bound: () => NO_LABELS,
  theftDetected: () => NO_LABELS,
  refused: ({ at, code, reason }) => ({ at, code, reason }),
  keyMade: ({ kind }) => ({ purpose: kind }),
};

/** Counts events on one instance. It counts in the same turn as the event, and so misses none. */
export class SessionTally {
  /** Requests admitted by a remembered access token. */
  remembered = 0;
  /** Requests whose access token had to be read. */
  read = 0;
  /** Rows of expired sessions that were deleted. */
  pruned = 0;
  /** Called for each refusal while the request is still under way. */
  onRefusal: ((refused: SessionEvents['refused']) => void) | undefined;
  private readonly counts = new Map<SessionEventName, Map<string, CountedValue>>();

  add<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    const labels = COUNTED[name]?.(event);
    if (labels === undefined) return;
    const counted = this.counts.get(name) ?? new Map<string, CountedValue>();
    this.counts.set(name, counted);
    const key = Object.values(labels).join();
    counted.set(key, { labels, value: (counted.get(key)?.value ?? 0) + 1 });
    if (name === 'refused') this.onRefusal?.(event as SessionEvents['refused']);
  }

  of(name: SessionEventName): readonly CountedValue[] {
    return [...(this.counts.get(name)?.values() ?? [])];
  }
}
