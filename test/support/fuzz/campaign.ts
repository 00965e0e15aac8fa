import type { BootOptions } from '../boot-app.js';
import { LogRecorder } from '../log-recorder.js';
import { QueryCounter } from '../query-counter.js';
import { Scene } from '../scene.js';
import { TokenOracle } from '../token-oracle.js';
import { AnswerJudge } from './answer-judge.js';
import { badRequest } from './bad-requests.js';
import { Chance } from './chance.js';
import { Delivery, type Holders } from './delivery.js';
import { KnownRefusals } from './known-refusals.js';
import { LostRefresh } from './lost-refresh.js';
import { holderOfRaw, type RawAnswer } from './raw-answer.js';
import { SlowController } from './slow-handler.js';
import { SLOW_CPU_MICROS, Surroundings } from './surroundings.js';
import { goodRequest, REFRESH, type BadRequest, type Target } from './wire-request.js';

const CONTROL_EVERY = 100;
const LOST_REFRESH_EVERY = 400;

/** Which requests: the seed and the numbers of the cases say it. */
export interface CaseRange {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/** Whether a case is no bad request, but an honest client that goes away while its session is being refreshed. */
export function isLostRefresh(seed: number, index: number): boolean {
  return new Chance(seed, index).below(LOST_REFRESH_EVERY) === 0;
}

/** Sends bad requests to an application and says which of them was not refused as it has to be. */
export class Campaign {
  private readonly delivery: Delivery;
  private readonly surroundings: Surroundings;
  private lastRows: string | undefined;
  private controls = 0;

  private constructor(
    readonly scene: Scene,
    private readonly target: Target,
    private readonly oracle: TokenOracle,
    private holders: Holders,
    refusals: KnownRefusals,
    parts: { logs: LogRecorder; counter: QueryCounter },
  ) {
    this.delivery = new Delivery(scene, target, new AnswerJudge(refusals));
    this.surroundings = new Surroundings(scene, parts.logs, parts.counter);
  }

  /** @param refusals what other applications have answered; shared by those that must answer alike */
  static async against(
    target: Target,
    { platform, database }: Pick<BootOptions, 'platform' | 'database'>,
    refusals = new KnownRefusals(),
  ): Promise<Campaign> {
    const counter = new QueryCounter();
    const logs = new LogRecorder();
    const scene = await Scene.open({
      ...(platform === undefined ? {} : { platform }),
      controllers: [SlowController],
      prepare: logs.record,
      database: {
        ...(database ?? { type: 'better-sqlite3', database: ':memory:' }),
        logging: true,
        logger: counter,
      },
      sessions: {
        antiCsrf: target.antiCsrf,
        tokenTransferMethod: target.transfer,
        revocation: { pollInterval: '1h', maxStaleness: '1d' },
        pruning: false,
      },
    });
    await Surroundings.quieten(scene);
    const oracle = await TokenOracle.of(scene);
    const holders = await logInAll(scene);
    return new Campaign(scene, target, oracle, holders, refusals, { logs, counter });
  }

  /** The first thing that went wrong, with all that is needed to see it again; `undefined` where nothing did. */
  async run({ seed, first, count }: CaseRange): Promise<string | undefined> {
    await this.surroundings.settle();
    for (let index = first; index < first + count; index += 1) {
      const isControl = (index - first) % CONTROL_EVERY === 0;
      const uncontrolled = isControl ? await this.control() : undefined;
      if (uncontrolled !== undefined)
        return `before case ${index}, FUZZ_SEED=${seed}: ${uncontrolled}`;
      const wrong = await this.play({ seed, first: index, count: 1 });
      if (wrong !== undefined) return wrong;
    }
    const isLeft = await this.isLeftAlone();
    return (
      (await this.control()) ??
      (await this.surroundings.judgeLawful(/^/)) ??
      (isLeft ? undefined : 'the server keeps a connection that its client has left')
    );
  }

  /** Whether the server has closed whatever its clients have. */
  isLeftAlone(): Promise<boolean> {
    return this.delivery.isLeftAlone();
  }

  async close(): Promise<void> {
    this.surroundings.close();
    this.delivery.connection.close();
    await this.scene.close();
  }

  private caseOf(seed: number, index: number): BadRequest {
    const { victim: holder, attacker: other } = this.holders;
    const now = Math.floor(this.scene.booted.clock.now() / 1000);
    const material = { holder, other, oracle: this.oracle, now };
    return badRequest(new Chance(seed, index), material, this.target);
  }

  private async play(range: CaseRange): Promise<string | undefined> {
    if (isLostRefresh(range.seed, range.first)) {
      const chance = new Chance(range.seed, range.first);
      const lost = new LostRefresh(this.delivery, this.surroundings, this.target);
      const wrong = await lost.play(chance).catch(String);
      if (wrong !== undefined) return `${nameOf(range)}: ${wrong} (a refresh that its client left)`;
      await this.surroundings.settle();
      this.lastRows = await this.surroundings.rows();
      return undefined;
    }
    const bad = this.caseOf(range.seed, range.first);
    const wrong = await this.attack(bad).catch(String);
    if (wrong !== undefined) return this.report(range, bad, wrong);
    const work = await this.judgeWork(bad);
    return work && `${nameOf(range)}: ${work}\nsent: ${this.shown(bad)}`;
  }

  private async attack(bad: BadRequest): Promise<string | undefined> {
    this.surroundings.begin();
    const { answers, wrong: unlike, reached } = await this.delivery.send(bad, this.holders);
    const wrong =
      unlike ?? (await this.surroundings.judge(this.holders.bystander, reached, rowsReadBy(bad)));
    if (wrong === undefined) return undefined;
    const told = answers.map(({ status, headers, body }) => [status, ...headers, body]);
    return `${wrong} (${bad.kind}) -> ${JSON.stringify(told)}`;
  }

  // Once it may be the garbage of all the others that is collected, or code that is compiled. Megabytes have their own limit.
  private async judgeWork(bad: BadRequest): Promise<string | undefined> {
    for (let times = 0; this.surroundings.workMicros > SLOW_CPU_MICROS; times += 1) {
      if (bad.mayBeCut) return undefined;
      // A machine that does much else may be slow several times in a row.
      if (times === 9) return `${this.surroundings.workMicros} µs of work (${bad.kind})`;
      const wrong = await this.attack(bad);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  /** The sessions go on: else the refusals prove nothing, or came at the cost of one. */
  private async control(): Promise<string | undefined> {
    const rows = await this.surroundings.rows();
    if (this.lastRows !== undefined && this.lastRows !== rows) return 'control: a row changed';
    this.controls += 1;
    const isByHeader = this.target.transfer === 'any' && this.controls % 2 === 0;
    const wrong =
      (await this.controlOf('victim', isByHeader)) ?? (await this.controlOf('bystander', false));
    await this.surroundings.settle();
    this.lastRows = await this.surroundings.rows();
    return wrong;
  }

  private async controlOf(
    name: 'victim' | 'bystander',
    isByHeader: boolean,
  ): Promise<string | undefined> {
    const { reached } = this.scene;
    const me = await this.sendGood('GET', '/me', name, isByHeader);
    if (me.status !== 200 || this.scene.reached !== reached + 1)
      return `control: ${name} got ${me.status}`;
    await this.scene.settle();
    const refreshed = await this.sendGood('POST', REFRESH, name);
    if (refreshed.status !== 200) return `control: the refresh of ${name} got ${refreshed.status}`;
    this.holders = { ...this.holders, [name]: holderOfRaw(refreshed, this.holders[name]) };
    // Shown once, so that no case writes the confirmation that its answer arrived.
    await this.sendGood('GET', '/me', name);
    return undefined;
  }

  private sendGood(
    method: string,
    path: string,
    name: 'victim' | 'bystander',
    isByHeader = false,
  ): Promise<RawAnswer> {
    const transfer = isByHeader ? (['header'] as const) : [];
    const sent = { method, path };
    const bytes = goodRequest(sent, this.target, this.holders[name], ...transfer);
    return this.delivery.connection.send(method, bytes);
  }

  private async report(range: CaseRange, bad: BadRequest, wrong: string): Promise<string> {
    const smallest = await this.shrunk(range, bad);
    return [
      `${nameOf(range)}: ${wrong}`,
      `sent: ${this.shown(bad)}`,
      ...(smallest === undefined ? [] : [`enough: ${this.shown(smallest)}`]),
    ].join('\n');
  }

  // What went wrong may have cost a session, so each try has new ones: the same case made of other tokens.
  private async shrunk(range: CaseRange, found: BadRequest): Promise<BadRequest | undefined> {
    // With something left out it would end elsewhere.
    if (found.abandoned !== undefined) return undefined;
    let omitted: readonly number[] = [];
    let smallest: BadRequest | undefined;
    for (let part = -1; part < found.lines.length; part += 1) {
      this.holders = await logInAll(this.scene);
      await this.surroundings.settle();
      const tried = without(this.caseOf(range.seed, range.first), [...omitted, part]);
      if ((await this.attack(tried).catch(String)) === undefined) continue;
      omitted = [...omitted, part];
      smallest = tried;
    }
    return smallest;
  }

  private shown(bad: BadRequest): string {
    const bytes = this.delivery.bytesOf(bad, this.holders);
    return JSON.stringify(bytes.toString('latin1', 0, 20_000));
  }
}

async function logInAll(scene: Scene): Promise<Holders> {
  return {
    victim: await scene.login('victim'),
    attacker: await scene.login('attacker'),
    bystander: await scene.login('somebody else'),
  };
}

/** @param omitted the places of lines, and -1 for the body */
function without(bad: BadRequest, omitted: readonly number[]): BadRequest {
  return {
    ...bad,
    lines: bad.lines.filter((_, place) => !omitted.includes(place)),
    body: omitted.includes(-1) ? undefined : bad.body,
  };
}

function nameOf({ seed, first }: CaseRange): string {
  return `FUZZ_SEED=${seed} FUZZ_CASE=${first}`;
}

function rowsReadBy({ rowsRead = 0, company }: BadRequest): number {
  const others = company === undefined ? [] : [...company.before, ...company.after];
  return others.reduce((sum, each) => sum + ('kind' in each ? rowsReadBy(each) : 0), rowsRead);
}
