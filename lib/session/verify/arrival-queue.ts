import { Injectable } from '@nestjs/common';
import type { SessionRecord } from '../../store/session-record.js';
import { SessionStore } from '../../store/session.store.js';
import type { Arrivals } from '../../verification/arrivals.js';
import { Clock } from '../../time/clock.js';

const FLUSH_AFTER_MS = 50;
const MAX_QUEUED = 10_000;
const MAX_PER_STATEMENT = 200;

/** A token of the generation with this parent was seen in use. */
interface Arrival {
  readonly handle: string;
  readonly parentHash: string;
  readonly atMs: number;
}

/**
 * Notes in the database that a refresh token's answer has arrived, in batches and off the request's path. A lost note
 * only keeps the window for repetitions open longer.
 */
@Injectable()
export class ArrivalQueue implements Arrivals {
  private queued = new Map<string, Arrival>();
  private readonly writing = new Set<ReadonlyMap<string, Arrival>>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: SessionStore,
    private readonly clock: Clock,
  ) {}

  /** Notes that a token of the generation with this parent was seen in use. The first note counts. */
  add(handle: string, parentHash: string): void {
    const isKnown = this.queued.get(handle)?.parentHash === parentHash;
    if (isKnown || this.queued.size >= MAX_QUEUED) return;
    this.queued.set(handle, { handle, parentHash, atMs: this.clock.now() });
    if (this.timer === undefined) {
      this.timer = setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
      this.timer.unref();
    }
  }

  /** A row as it is once its note is written. */
  asSeen(record: SessionRecord): SessionRecord {
    if (record.confirmedAtMs !== null) return record;
    const note = [...this.writing, this.queued]
      .map((notes) => notes.get(record.handle))
      .find((each) => each?.parentHash === record.parentHash);
    return note === undefined ? record : { ...record, confirmedAtMs: note.atMs };
  }

  /** Writes what is queued; never fails. */
  flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const notes = this.queued;
    if (notes.size > 0) {
      this.queued = new Map();
      this.writing.add(notes);
      this.flushing = this.flushing
        .then(() => this.write([...notes.values()]))
        .finally(() => this.writing.delete(notes));
    }
    return this.flushing;
  }

  private async write(arrivals: readonly Arrival[]): Promise<void> {
    for (const batch of batchesOf(arrivals)) {
      const notes = batch.map(({ handle, parentHash }) => [handle, parentHash] as const);
      // The latest time for all: a note that is a moment too late is harmless, and one too early is not.
      const isWritten = await this.store.confirm(notes, batch.at(-1)?.atMs ?? 0).then(
        () => true,
        () => false,
      );
      // If one write waits for the database in vain, the others would too, one after the other.
      if (!isWritten) return;
    }
  }
}

/** Divides notes, so that those of one statement are of about the same time. */
function batchesOf(arrivals: readonly Arrival[]): Arrival[][] {
  const batches: Arrival[][] = [];
  for (const arrival of arrivals.toSorted((a, b) => a.atMs - b.atMs)) {
    const batch = batches.at(-1);
    const fits =
      batch !== undefined &&
      batch.length < MAX_PER_STATEMENT &&
      arrival.atMs - (batch[0]?.atMs ?? 0) <= FLUSH_AFTER_MS;
    if (fits) batch.push(arrival);
    else batches.push([arrival]);
  }
  return batches;
}
