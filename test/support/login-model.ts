import type { countsFromMs, MetCutOff } from '../../lib/session/issue/login-standing.js';
import { searchWorlds, type SearchResult, type Step } from './search.js';

/** How a password is changed and the sessions are ended: each word a step, in this order. */
export type Change = readonly (
  | 'begin'
  | 'write'
  | 'revoke'
  | 'commit'
  /** Revokes outside of the transaction. */
  | 'revoke at once'
)[];

export interface LoginProtocol {
  readonly countsFrom: typeof countsFromMs;
  /** When a login counts from: its request's beginning, or the making of its session as before. */
  readonly counts: 'from its beginning' | 'from its end';
  readonly change: Change;
  /** Whether a login's look at the password waits for a change that is under way (a shared lock on the user's row). */
  readonly readsWithLock: boolean;
}

interface CutOff {
  readonly atMs: number;
  readonly isCommitted: boolean;
  /** Whether the resetting login has made it. */
  readonly isOfReset: boolean;
}

type Password = 'old' | 'new';

interface Login {
  readonly knows: Password;
  readonly step: 'to begin' | 'begun' | 'checked' | 'judged' | 'made' | 'refused';
  readonly begunAtMs: number;
  readonly fromMs: number;
  /** Whether it began when all was over. */
  readonly isLater: boolean;
}

interface World {
  readonly clock: number;
  readonly stored: Password;
  readonly written: Password | undefined;
  readonly changed: number;
  readonly cutOffs: readonly CutOff[];
  readonly logins: readonly Login[];
}

const TO_BEGIN = { step: 'to begin', begunAtMs: 0, fromMs: 0, isLater: false } as const;

/**
 * Looks at every order in which the steps of a change of the password and of three logins can come: of somebody with the
 * old password, of somebody with the new one, and of the one whose request makes the change and then logs in. A look at
 * what is committed sees all of it. Each step has a millisecond of its own.
 */
export function searchLogins(protocol: LoginProtocol): SearchResult {
  const first: World = {
    clock: 1,
    stored: 'old',
    written: undefined,
    changed: 0,
    cutOffs: [],
    logins: [
      { ...TO_BEGIN, knows: 'old' },
      { ...TO_BEGIN, knows: 'new' },
      { ...TO_BEGIN, knows: 'new', step: 'checked', begunAtMs: 1 },
    ],
  };
  return searchWorlds(first, (world) => stepsOf(world, protocol), JSON.stringify);
}

const RESET = 2;

function* stepsOf(world: World, protocol: LoginProtocol): Generator<Step<World>> {
  const next = { ...world, clock: world.clock + 1 };
  const doing = protocol.change[world.changed];
  if (doing !== undefined) {
    yield {
      does: `the change: ${doing}`,
      next: { ...change(next, doing), changed: world.changed + 1 },
    };
  }
  const isOver = doing === undefined;
  for (const [index, login] of world.logins.entries()) {
    // The reset logs in once it has made its change.
    if (index === RESET && !isOver) continue;
    const moved = move(next, login, index, protocol, isOver);
    if (moved === undefined) continue;
    const does = `login ${index} with the ${login.knows} password: ${moved.step}`;
    const after = { ...next, logins: world.logins.map((each) => (each === login ? moved : each)) };
    const broken = isOver ? brokenRule(after) : undefined;
    yield broken === undefined ? { does, next: after } : { does, breaks: broken };
  }
  if (isOver) {
    const broken = brokenRule(world);
    if (broken !== undefined) yield { does: 'all is over', breaks: broken };
  }
}

function change(world: World, doing: Change[number]): World {
  const atMs = world.clock;
  switch (doing) {
    case 'begin':
      return world;
    case 'write':
      return { ...world, written: 'new' };
    case 'revoke':
    case 'revoke at once': {
      const isCommitted = doing === 'revoke at once';
      return { ...world, cutOffs: [...world.cutOffs, { atMs, isCommitted, isOfReset: true }] };
    }
    case 'commit':
    default:
      return {
        ...world,
        stored: world.written ?? world.stored,
        written: undefined,
        cutOffs: world.cutOffs.map((each) => ({ ...each, isCommitted: true })),
      };
  }
}

function move(
  world: World,
  login: Login,
  index: number,
  protocol: LoginProtocol,
  isLater: boolean,
): Login | undefined {
  switch (login.step) {
    case 'to begin':
      return { ...login, step: 'begun', begunAtMs: world.clock, isLater };
    case 'begun':
      if (protocol.readsWithLock && world.written !== undefined) return undefined;
      return { ...login, step: world.stored === login.knows ? 'checked' : 'refused' };
    case 'checked': {
      const begunAtMs = protocol.counts === 'from its end' ? world.clock : login.begunAtMs;
      const met = world.cutOffs
        .filter(({ isCommitted }) => isCommitted)
        .map(({ atMs, isOfReset }): MetCutOff => ({
          cutOffAtMs: atMs,
          isOwn: isOfReset && index === RESET,
        }));
      const fromMs = protocol.countsFrom(begunAtMs, met);
      return fromMs === undefined
        ? { ...login, step: 'refused' }
        : { ...login, step: 'judged', fromMs };
    }
    case 'judged':
      return { ...login, step: 'made' };
    case 'made':
    case 'refused':
    default:
      return undefined;
  }
}

function brokenRule({ cutOffs, logins }: World): string | undefined {
  for (const [index, { step, knows, fromMs, isLater }] of logins.entries()) {
    const lives = step === 'made' && cutOffs.every(({ atMs }) => fromMs >= atMs);
    if (lives && knows === 'old') return 'a session of the old password lives on';
    const mustLive = index === RESET || (isLater && knows === 'new');
    if (mustLive && step === 'refused') return 'a login with the new password is refused';
    if (mustLive && step === 'made' && !lives) return 'a session of the new password is dead';
  }
  return undefined;
}
