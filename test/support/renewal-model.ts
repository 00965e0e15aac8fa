import { searchWorlds, type SearchResult, type Step } from './search.js';

type RenewalStep = 'read' | 'take' | 'look for cut-offs' | 'insert' | 'commit';
type RevocationStep =
  | 'list'
  | 'delete the listed'
  | 'delete the older'
  | 'cut off'
  | 'commit'
  /** Cuts off, and commits it at once. */
  | 'cut off at once';

/** How a session is renewed, its user's or everybody's sessions are revoked, and its claims are changed. */
export interface RenewalProtocol {
  /** Where `take` comes last it is no part of the transaction, as before: it deletes what is there. */
  readonly renewal: readonly RenewalStep[];
  /** Whether `take` asks that the payload is as it was read. */
  readonly takesAsRead: boolean;
  readonly revocation: readonly RevocationStep[];
}

interface Row {
  readonly createdAt: number;
  readonly version: number;
  readonly isThere: boolean;
  /** Who has it locked, until its commit. */
  readonly lockedBy: 'renewal' | 'revocation' | undefined;
}

interface World {
  readonly clock: number;
  readonly former: Row;
  readonly next: Row | undefined;
  readonly isNextCommitted: boolean;
  readonly cutOffs: readonly { readonly at: number; readonly isCommitted: boolean }[];
  readonly renewal: {
    readonly done: number;
    readonly result: 'under way' | 'renewed' | 'refused';
    readonly version: number;
    readonly at: number;
    readonly hasTaken: boolean;
  };
  readonly revoked: number;
  readonly listed: readonly ('former' | 'next')[];
  readonly roleChange: 'to come' | 'made' | 'came too late';
  /** The browser's own refresh of the former session, by a proof of its device. */
  readonly proof: 'to come' | 'accepted' | 'came too late';
}

/**
 * Looks at every order in which one renewal, one revocation, one change of claims and one refresh of the browser can go on, as READ COMMITTED shows them
 * each other's rows, and each step in a millisecond of its own.
 */
export function searchRenewals(protocol: RenewalProtocol): SearchResult {
  const row = { createdAt: 1, version: 0, isThere: true, lockedBy: undefined };
  const first: World = {
    clock: 2,
    former: row,
    next: undefined,
    isNextCommitted: false,
    cutOffs: [],
    renewal: { done: 0, result: 'under way', version: 0, at: 0, hasTaken: false },
    revoked: 0,
    listed: [],
    roleChange: 'to come',
    proof: 'to come',
  };
  return searchWorlds(first, (world) => stepsOf(world, protocol), JSON.stringify);
}

function* stepsOf(world: World, protocol: RenewalProtocol): Generator<Step<World>> {
  const later = { ...world, clock: world.clock + 1 };
  const renewing = protocol.renewal[world.renewal.done];
  if (renewing !== undefined && world.renewal.result === 'under way') {
    const next = renew(later, renewing, protocol);
    if (next !== undefined) yield { does: `the renewal: ${renewing}`, next };
  }
  const revoking = protocol.revocation[world.revoked];
  if (revoking !== undefined) {
    const next = revoke(later, revoking);
    if (next !== undefined) {
      yield { does: `the revocation: ${revoking}`, next: { ...next, revoked: world.revoked + 1 } };
    }
  }
  if (world.roleChange === 'to come' && world.former.lockedBy === undefined) {
    const { former } = world;
    yield {
      does: 'a role is taken',
      next: former.isThere
        ? { ...later, roleChange: 'made', former: { ...former, version: former.version + 1 } }
        : { ...later, roleChange: 'came too late' },
    };
  }
  if (world.proof === 'to come' && world.former.lockedBy === undefined) {
    // It changes times alone, and waits for whoever has the row.
    const proof = world.former.isThere ? 'accepted' : 'came too late';
    yield { does: 'the browser proves its device', next: { ...later, proof } };
  }
  const broken = brokenRule(world, protocol);
  if (broken !== undefined) yield { does: 'all is over', breaks: broken };
}

function renew(world: World, step: RenewalStep, protocol: RenewalProtocol): World | undefined {
  const { former, renewal } = world;
  const go = (change: Partial<World['renewal']> = {}, others: Partial<World> = {}): World => ({
    ...world,
    ...others,
    renewal: { ...renewal, done: renewal.done + 1, ...change },
  });
  switch (step) {
    case 'read': {
      // The memory of cut-offs may be a poll old, and so says nothing.
      return former.isThere || former.lockedBy !== undefined
        ? go({ version: former.version, at: world.clock })
        : go({ result: 'refused' });
    }
    case 'take': {
      if (former.lockedBy === 'revocation') return undefined;
      if (!former.isThere) return protocol.takesAsRead ? go({ result: 'refused' }) : go();
      if (protocol.takesAsRead && former.version !== renewal.version) return go({ done: 0 });
      return go({ hasTaken: true }, { former: { ...former, isThere: false, lockedBy: 'renewal' } });
    }
    case 'look for cut-offs': {
      const isCut = world.cutOffs.some(
        ({ at, isCommitted }) => isCommitted && former.createdAt < at,
      );
      if (!isCut) return go();
      return go({ result: 'refused' }, { former: { ...former, lockedBy: undefined } });
    }
    case 'insert': {
      const { version, at } = renewal;
      return go({}, { next: { createdAt: at, version, isThere: true, lockedBy: 'renewal' } });
    }
    case 'commit':
    default: {
      const released = (row: Row): Row =>
        row.lockedBy === 'renewal' ? { ...row, lockedBy: undefined } : row;
      return go(
        { result: 'renewed' },
        {
          former: released(former),
          next: world.next && released(world.next),
          isNextCommitted: true,
        },
      );
    }
  }
}

function revoke(world: World, step: RevocationStep): World | undefined {
  const { former, next } = world;
  const isLocked = (row: Row | undefined): boolean => row?.lockedBy === 'renewal';
  switch (step) {
    case 'list': {
      // A row that is deleted and not committed is still seen.
      const seen = former.isThere || isLocked(former);
      return {
        ...world,
        listed: [
          ...(seen ? (['former'] as const) : []),
          ...(world.isNextCommitted ? (['next'] as const) : []),
        ],
      };
    }
    case 'delete the listed':
    case 'delete the older': {
      const cutOff = world.cutOffs.at(-1)?.at ?? 0;
      const isMeant = (name: 'former' | 'next', row: Row): boolean =>
        step === 'delete the listed' ? world.listed.includes(name) : row.createdAt < cutOff;
      if (isMeant('former', former) && isLocked(former)) return undefined;
      const deleted = (name: 'former' | 'next', row: Row): Row =>
        isMeant(name, row) && row.isThere && (name === 'former' || world.isNextCommitted)
          ? { ...row, isThere: false, lockedBy: 'revocation' }
          : row;
      return { ...world, former: deleted('former', former), next: next && deleted('next', next) };
    }
    case 'cut off':
    case 'cut off at once': {
      const isCommitted = step === 'cut off at once';
      return { ...world, cutOffs: [...world.cutOffs, { at: world.clock, isCommitted }] };
    }
    case 'commit':
    default: {
      const released = (row: Row): Row =>
        row.lockedBy === 'revocation' ? { ...row, lockedBy: undefined } : row;
      return {
        ...world,
        former: released(former),
        next: next && released(next),
        cutOffs: world.cutOffs.map((each) => ({ ...each, isCommitted: true })),
      };
    }
  }
}

function brokenRule(world: World, { revocation }: RenewalProtocol): string | undefined {
  const { renewal, next, cutOffs, roleChange } = world;
  if (renewal.result !== 'renewed' || next === undefined) return undefined;
  const isDead = !next.isThere || cutOffs.some(({ at }) => next.createdAt < at);
  if (world.revoked === revocation.length && !isDead) return 'the renewed session lives on';
  if (roleChange === 'made' && next.version === 0) return 'the renewed session has the old claims';
  return undefined;
}
