import { LogRecorder } from '../log-recorder.js';
import { QueryCounter } from '../query-counter.js';
import { ACCESS_COOKIE, payloadOf, REFRESH_COOKIE, Scene, type Holder } from '../scene.js';
import { TokenOracle } from '../token-oracle.js';
import { badRequest, goodRequest, type BadRequest, type Target } from './bad-requests.js';
import { Chance } from './chance.js';
import { RawConnection, type RawAnswer } from './raw-connection.js';
import type { BootOptions } from '../boot-app.js';

const TABLES = ['auth_session', 'auth_session_key', 'auth_session_revocation'];
const TOKEN_HEADERS = [
  'set-cookie',
  'front-token',
  'anti-csrf',
  'st-access-token',
  'st-refresh-token',
];
const REFUSALS = new Set(['{"message":"unauthorised"}', '{"message":"try refresh token"}']);
const CONTROL_EVERY = 250;
const REFRESH = '/auth/session/refresh';

/** Sends bad requests to an application and says which of them was not refused as it has to be. */
export class Campaign {
  private readonly logs: LogRecorder;
  private readonly connection: RawConnection;
  private readonly told = new Map<string, string>();
  private rejections = 0;
  private readonly onRejection = (): void => void (this.rejections += 1);

  private constructor(
    readonly scene: Scene,
    private readonly target: Target,
    private readonly oracle: TokenOracle,
    private holder: Holder,
    private readonly other: Holder,
    private readonly counter: QueryCounter | undefined,
    logs: LogRecorder,
  ) {
    this.logs = logs;
    this.connection = new RawConnection(Number(new URL(scene.booted.url).port));
    process.on('unhandledRejection', this.onRejection);
  }

  static async against(
    target: Target,
    { platform, database }: Pick<BootOptions, 'platform' | 'database'>,
  ): Promise<Campaign> {
    const counter = database === undefined ? new QueryCounter() : undefined;
    const logs = new LogRecorder();
    const scene = await Scene.open({
      ...(platform === undefined ? {} : { platform }),
      prepare: logs.record,
      database: database ?? {
        type: 'better-sqlite3',
        database: ':memory:',
        logging: true,
        ...(counter === undefined ? {} : { logger: counter }),
      },
      sessions: { antiCsrf: target.antiCsrf, tokenTransferMethod: target.transfer },
    });
    const holder = await scene.login('victim');
    const other = await scene.login('attacker');
    const oracle = await TokenOracle.of(scene);
    return new Campaign(scene, target, oracle, holder, other, counter, logs);
  }

  /** The first thing that went wrong, with all that is needed to see it again; `undefined` where nothing did. */
  async run(seed: number, cases: number): Promise<string | undefined> {
    for (let index = 0; index < cases; index += 1) {
      const isControl = index % CONTROL_EVERY === 0;
      const wrong =
        (isControl ? await this.control() : undefined) ?? (await this.attack(seed, index));
      if (wrong !== undefined) return `FUZZ_SEED=${seed}, case ${index}: ${wrong}`;
    }
    return this.control();
  }

  async close(): Promise<void> {
    process.off('unhandledRejection', this.onRejection);
    this.connection.close();
    await this.scene.close();
  }

  private baseline: string | undefined;

  private async attack(seed: number, index: number): Promise<string | undefined> {
    const now = Math.floor(this.scene.booted.clock.now() / 1000);
    const { holder, other, oracle } = this;
    const bad = badRequest(new Chance(seed, index), { holder, other, oracle, now }, this.target);
    const reached = this.scene.reached;
    this.baseline ??= await this.checksum();
    this.counter?.reset();
    this.logs.clear();
    const answer = await this.connection.send(bad.method, bad.bytes);
    // A line break in the middle of a token is the end of a request: what follows is another one.
    if (/[\r\n]/.test(bad.bytes.toString('latin1').split('\r\n').join(''))) this.connection.close();
    const wrong =
      this.judge(bad, answer) ??
      (this.scene.reached === reached ? undefined : 'a handler was reached') ??
      ((await this.checksum()) === this.baseline ? undefined : 'a row changed') ??
      this.judgeSurroundings();
    return (
      wrong &&
      `${wrong} (${bad.kind}): ${JSON.stringify(bad.bytes.toString('latin1'))} -> ${JSON.stringify([answer.status, ...answer.headers, answer.body])}`
    );
  }

  private judge(bad: BadRequest, answer: RawAnswer): string | undefined {
    const { status, headers, body } = answer;
    const isSignOut = bad.path === '/auth/signout' && bad.method === 'POST';
    if (!(status >= 400 && status < 500) && !(isSignOut && status === 200))
      return `status ${status}`;
    const token = TOKEN_HEADERS.find((name) => headers.has(name));
    if (token !== undefined) return `the header ${token}`;
    const isOfTokens = /^(?:access|refresh) token|^sign-out/.test(bad.kind);
    if (isOfTokens && (this.counter?.count('auth_session') ?? 0) > 0)
      return 'a query for a session';
    if (status !== 401) return undefined;
    if (bad.method !== 'HEAD' && !REFUSALS.has(body)) return 'an answer of another text';
    const others = [...headers].filter(([name]) => name !== 'date');
    const key = `${body} ${headers.has('www-authenticate')}`;
    const text = JSON.stringify(others);
    const known = this.told.get(key);
    this.told.set(key, known ?? text);
    return known === undefined || known === text ? undefined : `other headers than ${known}`;
  }

  private judgeSurroundings(): string | undefined {
    if (Object.keys(Object.prototype).length > 0 || 'role' in {}) return 'Object.prototype changed';
    if (this.rejections > 0) return 'a promise was rejected and nobody looked';
    const text = this.logs.lines.map((line) => line.text).join('\n');
    const secrets = [this.holder, this.other].flatMap(({ access, refresh }) => [access, refresh]);
    const isTold = secrets.some((secret) => text.includes(secret.slice(-40)));
    return isTold ? 'a token in the log' : undefined;
  }

  /** The session under attack goes on: else the refusals prove nothing. */
  private async control(): Promise<string | undefined> {
    const { reached } = this.scene;
    const me = await this.connection.send(
      'GET',
      goodRequest('GET', '/me', this.target, this.holder),
    );
    if (me.status !== 200 || this.scene.reached !== reached + 1)
      return `control: status ${me.status}`;
    await this.scene.settle();
    const bytes = goodRequest('POST', REFRESH, this.target, this.holder);
    const refreshed = await this.connection.send('POST', bytes);
    if (refreshed.status !== 200) return `control: a refresh got ${refreshed.status}`;
    this.holder = renewed(refreshed, this.holder);
    // Shown once, so that no case writes the confirmation that its answer arrived.
    await this.connection.send('GET', goodRequest('GET', '/me', this.target, this.holder));
    await this.scene.settle();
    this.baseline = undefined;
    return undefined;
  }

  private async checksum(): Promise<string> {
    const { dataSource } = this.scene.booted;
    const tables: unknown[] = [];
    for (const table of TABLES) {
      tables.push(await dataSource.query(`SELECT * FROM ${table} ORDER BY 1`));
    }
    return JSON.stringify(tables);
  }
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
