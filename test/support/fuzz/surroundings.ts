import { setImmediate as nextTurn } from 'node:timers/promises';
import { KeyRing } from '../../../lib/keys/key-ring.js';
import { ClockCorrection } from '../../../lib/store/clock-correction.js';
import { SessionEventBus, SessionService, type SessionEventName } from '../../../lib/index.js';
import { RefreshTokenAuthenticator } from '../../../lib/session/refresh/refresh-token-authenticator.js';
import { VerifiedTokenCache } from '../../../lib/session/verify/verified-token-cache.js';
import type { LogRecorder } from '../log-recorder.js';
import type { QueryCounter } from '../query-counter.js';
import type { Holder, Scene } from '../scene.js';
import { RowFingerprint } from './row-fingerprint.js';

// A regular expression that goes astray over 16 KiB of headers takes more; another process takes none of it.
const MOST_CPU_MICROS = 2_000_000;
/** A whole request, client and server, takes less. */
export const SLOW_CPU_MICROS = 50_000;
const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
/** What a refused request may tell the application. */
const HARMLESS = /^antiCsrfFailed /;
const EVENTS: readonly SessionEventName[] = [
  'created',
  'refreshed',
  'repeated',
  'theftDetected',
  'revoked',
  'antiCsrfFailed',
];

/** Everything around a request that must be after it as it was before it: rows, memory, logs, events, other sessions. */
export class Surroundings {
  private readonly fingerprint: RowFingerprint;
  private readonly sessions: SessionService;
  private readonly cache: VerifiedTokenCache;
  private readonly refresher: RefreshTokenAuthenticator;
  private readonly prototypes = namesOnPrototypes();
  private readonly stopListening: (() => void)[];
  private events: string[] = [];
  private rejections = 0;
  private warnings: string[] = [];
  private cpuMicros = 0;
  private keyReadings = 0;
  private before = { rows: '', reached: 0, remembered: 0, cpu: process.cpuUsage() };

  constructor(
    private readonly scene: Scene,
    private readonly logs: LogRecorder,
    private readonly counter: QueryCounter,
  ) {
    const { app, dataSource } = scene.booted;
    this.fingerprint = RowFingerprint.of(dataSource);
    this.sessions = app.get(SessionService);
    this.cache = app.get(VerifiedTokenCache);
    this.refresher = app.get(RefreshTokenAuthenticator);
    const bus = app.get(SessionEventBus);
    const onRejection = (): void => void (this.rejections += 1);
    process.on('unhandledRejection', onRejection);
    const onWarning = (warning: Error): void => void this.warnings.push(String(warning));
    process.on('warning', onWarning);
    this.stopListening = [
      ...EVENTS.map((name) =>
        bus.on(name, (event) => void this.events.push(`${name} ${JSON.stringify(event)}`)),
      ),
      () => void process.off('unhandledRejection', onRejection),
      () => void process.off('warning', onWarning),
    ];
  }

  /** Stops what reads the database by itself, so that every statement is a request's. */
  static async quieten(scene: Scene): Promise<void> {
    const { app } = scene.booted;
    await Promise.all([app.get(KeyRing).stop(), app.get(ClockCorrection).stop()]);
  }

  /** Takes what is now for what has to be from now on. */
  async settle(): Promise<void> {
    await this.scene.settle();
    this.before.rows = await this.fingerprint.now();
    this.before.remembered = this.cache.size;
  }

  close(): void {
    for (const stop of this.stopListening) stop();
  }

  /** Every row, to be compared where a fingerprint is not enough. */
  rows(): Promise<string> {
    return this.fingerprint.rows();
  }

  begin(): void {
    this.counter.reset();
    this.logs.clear();
    this.events = [];
    this.before.reached = this.scene.reached;
    this.before.cpu = process.cpuUsage();
  }

  /** The events since then, by name and as they were told. */
  get told(): readonly string[] {
    return this.events;
  }

  /** How much work the request was, if it was judged. */
  get workMicros(): number {
    return this.cpuMicros;
  }

  /**
   * What is not as it was before the request, or may not be at all.
   *
   * @param reached how many handlers it may have reached, with what it had with it
   * @param rowsRead how many sessions' rows it may have read
   */
  async judge(bystander: Holder, reached: number, rowsRead: number): Promise<string | undefined> {
    const { user, system } = process.cpuUsage(this.before.cpu);
    this.cpuMicros = user + system;
    return (
      this.judgeStatements(rowsRead) ??
      this.judgeEvents(HARMLESS) ??
      this.judgeMemory(reached) ??
      ((await this.fingerprint.now()) === this.before.rows ? undefined : 'a row changed') ??
      this.judgeBystander(bystander)
    );
  }

  /** The same after requests that may change rows: they may tell of some events, and do nothing else. */
  async judgeLawful(events: RegExp): Promise<string | undefined> {
    // An event is told, and a rejection found, once what it comes from has ended.
    await nextTurn();
    return this.judgeEvents(events) ?? this.judgeProcess();
  }

  // A refused request asks the database for nothing, but for a key of an unknown name: once in a while, and the clock
  // stands still.
  private judgeStatements(rowsRead: number): string | undefined {
    const ofKeys = this.counter.all.filter((sql) => sql.includes('auth_session_key'));
    const others = this.counter.all.filter((sql) => !ofKeys.includes(sql));
    if (others.length > rowsRead || others.some((sql) => !sql.startsWith('SELECT'))) {
      return `a query: ${others.join('; ')}`;
    }
    this.keyReadings += ofKeys.length;
    return this.keyReadings > 1 ? 'the keys were read again' : undefined;
  }

  private judgeEvents(harmless: RegExp): string | undefined {
    const told = this.events.find((event) => !harmless.test(event));
    if (told !== undefined) return `the event ${told}`;
    return this.events.some((event) => /nasr_|eyJ/.test(event)) ? 'a token in an event' : undefined;
  }

  private judgeMemory(reached: number): string | undefined {
    if (this.scene.reached !== this.before.reached + reached) return 'a handler was reached';
    if (this.cache.size > this.before.remembered) return 'a token was remembered';
    if (this.cpuMicros > MOST_CPU_MICROS) return `${this.cpuMicros} µs of work`;
    return this.judgeProcess();
  }

  private judgeProcess(): string | undefined {
    if (namesOnPrototypes() !== this.prototypes) return 'a prototype changed';
    if (this.rejections > 0) return 'a promise was rejected and nobody looked';
    if (this.warnings.length > 0) return `a warning of Node: ${this.warnings.join('; ')}`;
    const lines = this.logs.lines.filter((line) => !isOfTheFramework(line) && !isOfRefusal(line));
    return lines.length > 0 ? `a line in the log: ${JSON.stringify(lines)}` : undefined;
  }

  private async judgeBystander({ userId, access, refresh }: Holder): Promise<string | undefined> {
    const options = { sessionRequired: false, antiCsrfCheck: false };
    const session = await this.sessions
      .getSessionWithoutRequestResponse(access, undefined, options)
      .catch(() => undefined);
    if (session?.getUserId() !== userId) return "somebody else's session is over";
    const token = await this.refresher.authenticate(refresh);
    return token === undefined ? "somebody else's refresh token is bad" : undefined;
  }
}

// Nest says so for Fastify where a client goes away within a body, long before a request comes to any of our code.
// Each refusal has a debug line, and a failed anti-CSRF check a warning once a minute. What a request shows of the set-up is
// told once a day. Only the server's own key makes a token for later, as the campaign does, and that is told once. None of
// them says what a client has sent.
const WARNINGS = [
  /^The anti-CSRF check refused a request \([a-z-]+\)\. Is the page/,
  /^A request has (a second cookie|two cookies) named [\w-]+, /,
  /^A page (of another site|in plain http) /,
  /^A proxy in front of this application seems /,
  /^An access token is not valid yet: the clock of this machine is /,
];

function isOfRefusal({ level, text }: LogRecorder['lines'][number]): boolean {
  return level === 'debug'
    ? /^Refused \([a-z-]+\): [A-Z_]+, [a-z-]+(, session [0-9a-f-]{36})?$/.test(text)
    : level === 'warn' && WARNINGS.some((warning) => warning.test(text));
}

function isOfTheFramework({ context, text }: LogRecorder['lines'][number]): boolean {
  return context === 'ExceptionsHandler' && text.startsWith('Error: aborted\n    at abortIncoming');
}

function namesOnPrototypes(): string {
  return PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length).join();
}
