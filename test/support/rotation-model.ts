import { NO_PARENT_HASH } from '../../lib/tokens/refresh-token.js';
import type { decideRotation, RotationDecision } from '../../lib/tokens/rotation.js';

/** What the servers do: the rule under test, and what the rule leaves to its caller. */
export interface Protocol {
  readonly decide: typeof decideRotation;
  /** When the answer `repeat` carries the refresh token once more; else it brings an access token alone. */
  readonly repeatCarriesToken: 'always' | 'while unconfirmed' | 'never';
  /** The time that a confirmation notes: of its own writing, or of the request that it goes back to. */
  readonly confirmationNotes: 'when it is written' | 'when it was seen';
  /** Where a token has arrived once it is used: at the client, or at the page server that has asked for it. */
  readonly arrivesAt: 'the client' | 'its page server';
  /** What the answer `sibling` holds: a token of its own, or the one that the first caller got. */
  readonly sibling: 'a new token' | 'the same token';
  readonly gracePeriod: number;
}

/**
 * A refresh token as the row sees it: spent, the parent of the current generation, or one of the current generation,
 * which are numbered from `FIRST` on. The rule looks at nothing else, so that worlds that differ only in how often
 * they have rotated are one, and the search ends.
 */
export type Token = number;
export const SPENT: Token = 0;
export const PARENT: Token = 1;
export const FIRST: Token = 2;

/** Moves are not counted past it. */
export const MOST_MOVES = 4;

export type Party = 'client' | 'thief';

/** A message under way: a request, a request that a server has decided by the row as it read it, or an answer. */
export interface Message {
  readonly from: Party;
  readonly stage: 'request' | 'decided' | 'answer';
  readonly token: Token;
  readonly decision: RotationDecision | undefined;
  /** Whether the row has rotated since the server read it. */
  readonly isOutdated: boolean;
  /** Whether the answer will bring the refresh token, and not an access token alone. */
  readonly carriesToken: boolean;
  readonly age: number;
}

/** How far a party has come. */
interface Progress {
  /** The generation of the newest token that it was given: 0 for the row's, -1 for the one before, -2 for older. */
  readonly generation: number;
  /** How many later generations it was given a token of since the theft. */
  readonly moves: number;
}

export interface World {
  readonly isFirstGeneration: boolean;
  /** Ticks since the current generation was confirmed. */
  readonly confirmedAge: number | undefined;
  /** Ticks since an access token of the current generation first arrived. */
  readonly arrivedAge: number | undefined;
  /** The refresh token in the cookie jar, which the client's tabs share. */
  readonly jar: Token;
  /** What the thief holds, once it has copied the jar. */
  readonly loot: readonly Token[] | undefined;
  readonly messages: readonly Message[];
  readonly progress: Readonly<Record<Party, Progress>>;
}

/** A client has logged in, and the answer that brought its first token isn't under way any more. */
export const LOGGED_IN: World = {
  isFirstGeneration: true,
  confirmedAge: undefined,
  arrivedAge: undefined,
  jar: FIRST,
  loot: undefined,
  messages: [],
  progress: { client: { generation: 0, moves: 0 }, thief: { generation: -2, moves: 0 } },
};

/** Beyond every limit of a rule: ages are not counted past it. */
export function oldestAge(protocol: Protocol): number {
  return 4 * protocol.gracePeriod + 1;
}

/** Asks the real rule, with a row and a token as the world has them. */
export function decide(world: World, token: Token, protocol: Protocol): RotationDecision {
  const generation = world.isFirstGeneration ? 0 : 7;
  const parentHash = world.isFirstGeneration ? NO_PARENT_HASH : 'the parent';
  const nowMs = 1_000;
  const confirmedAtMs = world.confirmedAge === undefined ? null : nowMs - world.confirmedAge;
  const presented =
    token >= FIRST
      ? { generation, parentHash, hash: `child ${token}` }
      : {
          generation: generation - 1,
          parentHash: 'its parent',
          hash: token === PARENT ? parentHash : 'spent',
        };
  const row = { generation, parentHash, confirmedAtMs };
  return protocol.decide(presented, row, protocol.gracePeriod, nowMs);
}

/** A server reads the row and decides. A sibling is made at once, since nothing is written for it. */
export function decideMessage(world: World, message: Message, protocol: Protocol): Message {
  const decision = decide(world, message.token, protocol);
  const token = decision === 'sibling' ? siblingIn(world, protocol) : message.token;
  const carriesToken =
    decision !== 'repeat' ||
    protocol.repeatCarriesToken === 'always' ||
    (protocol.repeatCarriesToken === 'while unconfirmed' && world.confirmedAge === undefined);
  return { ...message, stage: 'decided', token, decision, carriesToken, isOutdated: false };
}

/** What the row becomes when a token of its current generation begins the next. */
export function rotate(world: World, spent: Token): World {
  const seenFromNext = (token: Token): Token => (token === spent ? PARENT : SPENT);
  return {
    ...world,
    isFirstGeneration: false,
    confirmedAge: undefined,
    arrivedAge: undefined,
    jar: seenFromNext(world.jar),
    loot: world.loot?.map(seenFromNext),
    messages: world.messages.map((message) => ({
      ...message,
      token: seenFromNext(message.token),
      isOutdated: message.stage === 'decided',
    })),
    progress: {
      client: fallBack(world.progress.client),
      thief: fallBack(world.progress.thief),
    },
  };
}

function fallBack({ generation, moves }: Progress): Progress {
  return { generation: Math.max(generation - 1, -2), moves };
}

/** Notes that a party was given a token. */
export function advance(world: World, party: Party, token: Token): World {
  const { generation, moves } = world.progress[party];
  if (token < FIRST || generation === 0) return world;
  const progress = {
    generation: 0,
    moves: world.loot === undefined ? 0 : Math.min(moves + 1, MOST_MOVES),
  };
  return { ...world, progress: { ...world.progress, [party]: progress } };
}

/** The one form of all worlds that differ only in the numbers of siblings and the order of messages. */
export function canonical(world: World): World {
  const messages = world.messages.toSorted((a, b) => (messageKey(a) < messageKey(b) ? -1 : 1));
  const shared = new Set([world.jar, ...messages.map(({ token }) => token)]);
  const numbers = new Map<Token, Token>();
  const renumber = (token: Token): Token => {
    if (token < FIRST) return token;
    const number = numbers.get(token) ?? FIRST + numbers.size;
    numbers.set(token, number);
    return number;
  };
  return {
    ...world,
    jar: renumber(world.jar),
    messages: messages.map((message) => ({ ...message, token: renumber(message.token) })),
    loot:
      world.loot &&
      usefulLoot(world.loot, shared)
        .map(renumber)
        .toSorted((a, b) => a - b),
  };
}

// A spent token can only end the session, and of current tokens that nobody else has, one is as good as many: the
// rotation of one spends the others.
function usefulLoot(loot: readonly Token[], shared: ReadonlySet<Token>): Token[] {
  const known = new Set(loot.filter((token) => token !== SPENT));
  const own = [...known].filter((token) => token >= FIRST && !shared.has(token));
  return [...known].filter((token) => !own.includes(token) || token === own[0]);
}

export function keyOf(world: World): string {
  const { client, thief } = world.progress;
  return [
    world.isFirstGeneration ? 1 : 0,
    world.confirmedAge,
    world.arrivedAge,
    world.jar,
    world.loot,
    [client.generation, client.moves, thief.generation, thief.moves],
    ...world.messages.map((message) => `${messageKey(message)}${message.token}`),
  ].join('|');
}

function messageKey(message: Message): string {
  const { from, stage, decision, isOutdated, carriesToken, age } = message;
  return [from, stage, decision, isOutdated, carriesToken, age].join();
}

function siblingIn(world: World, protocol: Protocol): Token {
  if (protocol.sibling === 'the same token') return FIRST;
  const tokens = [world.jar, ...(world.loot ?? []), ...world.messages.map(({ token }) => token)];
  return Math.max(FIRST, ...tokens.map((token) => token + 1));
}
