import { Injectable } from '@nestjs/common';
import { RevocationFeed } from '../../revocation/revocation-feed.js';
import { TimeSlices } from '../../time/time-slices.js';
import { PublishedFeed } from './published-feed.js';

interface HeldPoll {
  /** The version of the feed when the poll came. */
  readonly version: string;
  readonly endsAtMs: number;
  readonly answer: () => void;
}

// Answers that go out together cost less than half of what they cost one by one.
const BEAT_MS = 500;
// They go out together, and other requests wait no longer than this meanwhile.
const SLICE_MS = 5;

/** Holds polls that would learn nothing, until there is news, their time is over, or the application stops. */
@Injectable()
export class HeldPolls {
  private readonly held = new Set<HeldPoll>();
  private readonly slices = new TimeSlices(SLICE_MS);
  private readonly stopListening: () => void;
  private beat: NodeJS.Timeout | undefined;
  private hasStopped = false;

  constructor(
    private readonly feed: PublishedFeed,
    revocations: RevocationFeed,
  ) {
    // Told after each reading of the database, with news or without.
    this.stopListening = revocations.onNews(() => this.answerOutdated());
  }

  /** The number of held polls. */
  get size(): number {
    return this.held.size;
  }

  /** Whether the application is stopping, so that each answer must be the last one of its connection. */
  get isStopped(): boolean {
    return this.hasStopped;
  }

  beforeApplicationShutdown(): void {
    this.hasStopped = true;
    this.stopListening();
    this.answer(() => true);
  }

  /**
   * @param seconds how long at most, to half a second
   * @param answer sends the answer; called once
   */
  hold(seconds: number, answer: () => void): void {
    if (this.hasStopped) {
      answer();
      return;
    }
    const endsAtMs = performance.now() + seconds * 1_000;
    this.held.add({ version: this.feed.version, endsAtMs, answer });
    this.beat ??= setInterval(() => this.answerDue(), BEAT_MS).unref();
  }

  private answerDue(): void {
    const nextBeatMs = performance.now() + BEAT_MS;
    this.answer(({ endsAtMs }) => endsAtMs < nextBeatMs);
  }

  private answerOutdated(): void {
    if (this.held.size === 0) return;
    const { version } = this.feed;
    this.answer((poll) => poll.version !== version);
  }

  private answer(isMeant: (poll: HeldPoll) => boolean): void {
    const meant = [...this.held].filter(isMeant);
    for (const poll of meant) this.held.delete(poll);
    if (this.held.size === 0) {
      clearInterval(this.beat);
      this.beat = undefined;
    }
    // A thousand answers at once would block everybody else.
    this.slices.run(meant.map(({ answer }) => answer));
  }
}
