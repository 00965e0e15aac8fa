import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Holder, Scene } from '../scene.js';
import type { AnswerJudge } from './answer-judge.js';
import type { RawAnswer } from './raw-answer.js';
import { RawConnection } from './raw-connection.js';
import { ServerConnections } from './server-connections.js';
import { SlowController } from './slow-handler.js';
import {
  bytesOf,
  goodRequest,
  type Abandonment,
  type BadRequest,
  type Company,
  type GoodRequest,
  type Target,
} from './wire-request.js';

// What a handler still does once its client has gone.
const TURNS_AFTERWARDS = 3;

export type Holders = Readonly<Record<'victim' | 'attacker' | 'bystander', Holder>>;

/** What came of a request. */
export interface Outcome {
  readonly answers: readonly RawAnswer[];
  readonly wrong: string | undefined;
  /** How many handlers it may have reached. */
  readonly reached: number;
}

/** Sends bad requests as they say they are sent, and judges what comes back. */
export class Delivery {
  readonly connection: RawConnection;
  readonly server: ServerConnections;
  private readonly slow: SlowController;

  constructor(
    { booted }: Scene,
    private readonly target: Target,
    private readonly judge: AnswerJudge,
  ) {
    this.connection = new RawConnection(Number(new URL(booted.url).port));
    this.server = new ServerConnections(booted.app);
    this.slow = booted.app.get(SlowController);
  }

  send(bad: BadRequest, holders: Holders): Promise<Outcome> {
    if (bad.abandoned !== undefined) return this.sendAndLeave(bad, bad.abandoned);
    if (bad.company !== undefined) return this.sendInCompany(bad, bad.company, holders);
    return this.sendAlone(bad);
  }

  /** Whether the server has closed whatever its clients have. */
  isLeftAlone(): Promise<boolean> {
    this.connection.close();
    return this.server.areOver(this.connection.opened);
  }

  private async sendAlone(bad: BadRequest): Promise<Outcome> {
    const bytes = bytesOf(bad);
    const answer = bad.mayBeCut
      ? await this.connection.sendOnce(bad.method, bytes)
      : await this.connection.send(bad.method, bytes);
    // A line break in the middle of a token is the end of a request: what follows is another one.
    const isOneRequest = !bad.lines.some(([, value]) => /[\r\n]/.test(value));
    if (!isOneRequest || bad.mayBeCut) this.connection.close();
    return this.refused(bad, answer);
  }

  private async sendAndLeave(bad: BadRequest, abandoned: Abandonment): Promise<Outcome> {
    this.connection.close();
    const bytes = bytesOf(bad).subarray(0, abandoned.after);
    const visit = abandoned.waitsForHandler ? this.slow.expectVisit() : undefined;
    const answer = await this.connection.abandon(bad.method, bytes, abandoned, visit?.begun);
    const isOver = await this.isLeftAlone();
    visit?.end();
    for (let turn = 0; turn < TURNS_AFTERWARDS; turn += 1) await nextTurn();
    const outcome = this.refused(bad, answer);
    return isOver ? outcome : { ...outcome, wrong: 'the server keeps a connection' };
  }

  private async sendInCompany(
    bad: BadRequest,
    { before, after }: Company,
    holders: Holders,
  ): Promise<Outcome> {
    const all = [...before, bad, ...after];
    const methods = all.map(({ method }) => method);
    const answers = await this.connection.sendPipelined(methods, this.bytesOf(bad, holders));
    const wrong = all.map((each, place) => this.wrongIn(each, answers[place], holders));
    const first = wrong.findIndex((each) => each !== undefined);
    return {
      answers,
      wrong: first < 0 ? undefined : `${wrong[first]}, as answer ${first + 1} of ${all.length}`,
      reached: all.filter(isGood).length,
    };
  }

  /** All that is sent for it at once. */
  bytesOf(bad: BadRequest, holders: Holders): Buffer {
    const { before, after } = bad.company ?? { before: [], after: [] };
    const all = [...before, bad, ...after];
    return Buffer.concat(
      all.map((each) =>
        isGood(each) ? goodRequest(each, this.target, holders[each.of]) : bytesOf(each),
      ),
    );
  }

  private wrongIn(
    sent: BadRequest | GoodRequest,
    answer: RawAnswer | undefined,
    holders: Holders,
  ): string | undefined {
    if (answer === undefined) return 'no answer';
    return isGood(sent)
      ? this.judge.ofSuccess(holders[sent.of].userId, answer)
      : this.judge.ofRefusal(sent, answer);
  }

  private refused(bad: BadRequest, answer: RawAnswer | undefined): Outcome {
    const wrong = answer && this.judge.ofRefusal(bad, answer);
    return { answers: answer === undefined ? [] : [answer], wrong, reached: 0 };
  }
}

function isGood(sent: BadRequest | GoodRequest): sent is GoodRequest {
  return 'of' in sent;
}
