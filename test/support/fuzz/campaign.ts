import type { BootOptions } from '../boot-app.js';
import { LogRecorder } from '../log-recorder.js';
import { QueryCounter } from '../query-counter.js';
import { ACCESS_COOKIE, payloadOf, REFRESH_COOKIE, Scene, type Holder } from '../scene.js';
import { TokenOracle } from '../token-oracle.js';
import { badRequest, bytesOf, goodRequest, type BadRequest, type Target } from './bad-requests.js';
import { Chance } from './chance.js';
import { KnownRefusals } from './known-refusals.js';
import { RawConnection, type RawAnswer } from './raw-connection.js';
import { Surroundings } from './surroundings.js';

const TOKEN_HEADERS = [
  'set-cookie',
  'front-token',
  'anti-csrf',
  'st-access-token',
  'st-refresh-token',
];
const CONTROL_EVERY = 100;
const REFRESH = '/auth/session/refresh';

/** Which requests: the seed and the numbers of the cases say it. */
export interface CaseRange {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
}

/** Sends bad requests to an application and says which of them was not refused as it has to be. */
export class Campaign {
  private readonly connection: RawConnection;
  private readonly surroundings: Surroundings;
  private lastRows: string | undefined;
  private controls = 0;

  private constructor(
    readonly scene: Scene,
    private readonly target: Target,
    private readonly oracle: TokenOracle,
    private holders: { victim: Holder; attacker: Holder; bystander: Holder },
    private readonly refusals: KnownRefusals,
    parts: { logs: LogRecorder; counter: QueryCounter },
  ) {
    this.connection = new RawConnection(Number(new URL(scene.booted.url).port));
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
      const bad = this.caseOf(seed, index);
      const wrong = await this.attack(bad);
      if (wrong !== undefined) return this.report({ seed, first: index, count: 1 }, bad, wrong);
    }
    return this.control();
  }

  async close(): Promise<void> {
    this.surroundings.close();
    this.connection.close();
    await this.scene.close();
  }

  private caseOf(seed: number, index: number): BadRequest {
    const { victim: holder, attacker: other } = this.holders;
    const now = Math.floor(this.scene.booted.clock.now() / 1000);
    const material = { holder, other, oracle: this.oracle, now };
    return badRequest(new Chance(seed, index), material, this.target);
  }

  private async attack(bad: BadRequest): Promise<string | undefined> {
    const bytes = bytesOf(bad);
    this.surroundings.begin();
    const answer = bad.mayBeCut
      ? await this.connection.sendOnce(bad.method, bytes)
      : await this.connection.send(bad.method, bytes);
    // A line break in the middle of a token is the end of a request: what follows is another one.
    const isOneRequest = !bad.lines.some(([, value]) => /[\r\n]/.test(value));
    if (!isOneRequest || bad.mayBeCut) this.connection.close();
    const wrong =
      (answer && this.judge(bad, answer)) ??
      (await this.surroundings.judge(this.holders.bystander));
    if (wrong === undefined) return undefined;
    const told = answer && [answer.status, ...answer.headers, answer.body];
    return `${wrong} (${bad.kind}) -> ${JSON.stringify(told)}`;
  }

  private judge(bad: BadRequest, answer: RawAnswer): string | undefined {
    const { status, headers } = answer;
    const isSignOut = bad.path === '/auth/signout' && bad.method === 'POST';
    if (!(status >= 400 && status < 500) && !(isSignOut && status === 200))
      return `status ${status}`;
    const token = TOKEN_HEADERS.find((name) => headers.has(name));
    if (token !== undefined) return `the header ${token}`;
    return status === 401 ? this.refusals.judge(answer, bad.method === 'HEAD') : undefined;
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
    this.holders = { ...this.holders, [name]: renewed(refreshed, this.holders[name]) };
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
    const bytes = goodRequest(method, path, this.target, this.holders[name], ...transfer);
    return this.connection.send(method, bytes);
  }

  private async report(range: CaseRange, bad: BadRequest, wrong: string): Promise<string> {
    const smallest = await this.shrunk(range, bad);
    return [
      `FUZZ_SEED=${range.seed} FUZZ_CASE=${range.first}: ${wrong}`,
      `sent: ${shown(bad)}`,
      ...(smallest === undefined ? [] : [`enough: ${shown(smallest)}`]),
    ].join('\n');
  }

  // What went wrong may have cost a session, so each try has new ones: the same case made of other tokens.
  private async shrunk(range: CaseRange, found: BadRequest): Promise<BadRequest | undefined> {
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
}

async function logInAll(
  scene: Scene,
): Promise<Record<'victim' | 'attacker' | 'bystander', Holder>> {
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

function shown(bad: BadRequest): string {
  return JSON.stringify(bytesOf(bad).toString('latin1', 0, 20_000));
}

function renewed({ headers }: RawAnswer, before: Holder): Holder {
  const cookies = headers.get('set-cookie') ?? '';
  const cookie = (name: string) => new RegExp(`${name}=([^;]+)`).exec(cookies)?.[1];
  const access = cookie(ACCESS_COOKIE) ?? headers.get('st-access-token') ?? before.access;
  if (payloadOf(access)['sub'] !== before.userId) throw new Error('a session of somebody else');
  return {
    ...before,
    access,
    refresh: cookie(REFRESH_COOKIE) ?? headers.get('st-refresh-token') ?? before.refresh,
    antiCsrf: headers.get('anti-csrf') ?? before.antiCsrf,
  };
}
