import {
  advance,
  canonical,
  decideMessage,
  FIRST,
  keyOf,
  LOGGED_IN,
  oldestAge,
  PARENT,
  rotate,
  SPENT,
  type Message,
  type Party,
  type Protocol,
  type Token,
  type World,
} from './rotation-model.js';
import { searchWorlds, type SearchResult, type Step } from './search.js';

/** How much of the world is searched. */
export interface Bounds {
  /** Ticks that a message of the client may be under way. What hasn't arrived by then is lost. */
  readonly longestTransit: number;
  /** Whether that is the time of each message, or of a request and its answer together. */
  readonly transit: 'each way' | 'there and back';
  /** How many messages of the client may be under way at once. */
  readonly messages: number;
  /** How often one of two holders may move on and the other still be answered; without it there is no thief. */
  readonly movesOfOther?: number;
}

/** Looks at everything that can happen after a login. */
export function searchRotation(protocol: Protocol, bounds: Bounds): SearchResult {
  return searchWorlds(LOGGED_IN, (world) => stepsOf(world, protocol, bounds), keyOf);
}

function* stepsOf(world: World, protocol: Protocol, bounds: Bounds): Generator<Step<World>> {
  for (const step of everyStep(world, protocol, bounds)) {
    yield 'breaks' in step ? step : { ...step, next: canonical(step.next) };
  }
}

function* everyStep(world: World, protocol: Protocol, bounds: Bounds): Generator<Step<World>> {
  const ofClient = world.messages.filter(({ from }) => from === 'client').length;
  if (ofClient < bounds.messages) yield send(world, 'client', world.jar);
  if (bounds.movesOfOther !== undefined) yield* thefts(world);
  yield* confirmations(world, protocol);
  for (const message of world.messages) {
    if (message.stage === 'request') yield* decisions(world, message, protocol, bounds);
    else if (message.stage === 'decided') yield* effects(world, message, protocol, bounds);
    else yield* arrivals(world, message);
  }
  yield { does: 'a tick passes', next: tick(world, protocol, bounds) };
}

function send(world: World, from: Party, token: Token): Step<World> {
  const request = { from, stage: 'request', token, decision: undefined, age: 0 } as const;
  const message = { ...request, isOutdated: false, carriesToken: true };
  return {
    does: `the ${from} sends ${nameOf(token)}`,
    next: { ...world, messages: [...world.messages, message] },
  };
}

/** A thief copies the jar once, and from then on presents whatever it holds, one request at a time. */
function* thefts(world: World): Generator<Step<World>> {
  if (world.loot === undefined) {
    const generation = Math.min(world.jar, FIRST) - FIRST;
    const progress = { ...world.progress, thief: { generation, moves: 0 } };
    yield {
      does: `a thief copies ${nameOf(world.jar)}`,
      next: { ...world, loot: [world.jar], progress },
    };
  } else if (world.messages.every(({ from }) => from === 'client')) {
    for (const token of world.loot) yield send(world, 'thief', token);
  }
}

/** Someone has used an access token of this generation; a confirmation is written now, later or never. */
function* confirmations(world: World, protocol: Protocol): Generator<Step<World>> {
  if (world.arrivedAge === undefined || world.confirmedAge !== undefined) return;
  const earliest = protocol.confirmationNotes === 'when it was seen' ? world.arrivedAge : 0;
  for (let age = 0; age <= earliest; age += 1) {
    yield {
      does: `a confirmation that notes ${age} ticks ago is written`,
      next: { ...world, confirmedAge: age },
    };
  }
}

/** A server reads the row for a request; another may do so at the same moment, before either has an effect. */
function* decisions(
  world: World,
  request: Message,
  protocol: Protocol,
  { movesOfOther = 0 }: Bounds,
): Generator<Step<World>> {
  const decided = decideMessage(world, request, protocol);
  const other = request.from === 'client' ? 'thief' : 'client';
  const does = `a server decides on ${nameOf(request.token)} of the ${request.from}: ${decided.decision}`;
  if (decided.decision === 'ahead') {
    yield { does, breaks: 'a token is ahead of its row' };
  } else if (decided.decision === 'reuse') {
    // Where two hold the session, it ends here as it must.
    if (world.loot === undefined) yield { does, breaks: 'a client alone is taken for a thief' };
  } else if (world.progress[other].moves > movesOfOther) {
    yield { does, breaks: `the ${other} has moved on unseen` };
  } else {
    yield { does, next: replace(world, request, decided) };
  }
}

function* effects(
  world: World,
  decided: Message,
  protocol: Protocol,
  bounds: Bounds,
): Generator<Step<World>> {
  if (decided.decision === 'rotate' && decided.isOutdated) {
    // The compare-and-swap is lost: read again, decide again.
    yield* decisions(world, decided, protocol, bounds);
    return;
  }
  const [after, given] = effectOf(world, decided, bounds);
  const next = advance(after, decided.from, given.token);
  yield {
    does: `the ${decided.from} is answered: ${decided.decision}`,
    next: decided.from === 'client' ? use(next, given, protocol) : receive(next, given),
  };
}

function effectOf(world: World, decided: Message, bounds: Bounds): [World, Message] {
  if (decided.decision === 'rotate') {
    const rotated = rotate(world, decided.token);
    const position = world.messages.indexOf(decided);
    return answer(rotated, rotated.messages[position] ?? decided, FIRST, bounds);
  }
  const confirms =
    decided.decision === 'repeat' && !decided.isOutdated && world.confirmedAge === undefined;
  const after = confirms ? { ...world, confirmedAge: 0 } : world;
  return answer(after, decided, decided.token, bounds);
}

function answer(
  world: World,
  decided: Message,
  token: Token,
  { transit }: Bounds,
): [World, Message] {
  const state = { stage: 'answer', decision: undefined, isOutdated: false } as const;
  const age = transit === 'each way' ? 0 : decided.age;
  const made: Message = { ...decided, ...state, token, age };
  return [replace(world, decided, made), made];
}

function* arrivals(world: World, message: Message): Generator<Step<World>> {
  const does = `the client receives ${message.carriesToken ? nameOf(message.token) : 'an access token'}`;
  const received = receive(world, message);
  yield { does, next: received };
  const messages = [...received.messages, message];
  yield { does: `${does}, and not for the last time`, next: { ...received, messages } };
}

/** A page server calls the API with what it will give to its client. */
function use(world: World, answered: Message, { arrivesAt }: Protocol): World {
  return arrivesAt === 'its page server' ? arrived(world, answered) : world;
}

function arrived(world: World, { token }: Message): World {
  const confirmable = token >= FIRST && !world.isFirstGeneration;
  return { ...world, arrivedAge: confirmable ? (world.arrivedAge ?? 0) : world.arrivedAge };
}

function receive(world: World, message: Message): World {
  const { token, carriesToken, from } = message;
  const messages = world.messages.filter((other) => other !== message);
  const received = { ...arrived(world, message), messages };
  if (!carriesToken) return received;
  if (from === 'client') return { ...received, jar: token };
  return { ...received, loot: [...(world.loot ?? []), token] };
}

function tick(world: World, protocol: Protocol, { longestTransit }: Bounds): World {
  const older = (age: number | undefined) =>
    age === undefined ? undefined : Math.min(age + 1, oldestAge(protocol));
  const matters = protocol.confirmationNotes === 'when it was seen';
  return {
    ...world,
    confirmedAge: older(world.confirmedAge),
    arrivedAge: matters ? older(world.arrivedAge) : world.arrivedAge,
    messages: world.messages
      .map((message) => (message.from === 'thief' ? message : { ...message, age: message.age + 1 }))
      .filter(({ age }) => age <= longestTransit),
  };
}

function replace(world: World, message: Message, by: Message): World {
  const messages = world.messages.map((other) => (other === message ? by : other));
  return { ...world, messages };
}

function nameOf(token: Token): string {
  if (token === SPENT) return 'a spent token';
  return token === PARENT ? 'the parent' : `current token ${token - FIRST + 1}`;
}
