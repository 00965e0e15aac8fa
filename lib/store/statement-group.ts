import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';

// For each kind of statement, so that most of the pool's connections are left to the application.
const MOST_UNDER_WAY = 2;
// Half of the simultaneous requests of a busy server: while the database works on one group, the next one fills up.
const MOST_IN_A_GROUP = 32;
// Fewer don't pay for a commit of their own.
const LEAST_IN_A_GROUP = 4;

/** A statement that simultaneous callers can share. */
export interface SharedStatement<Input, Output> {
  /**
   * For one caller.
   *
   * @param isOverdue whether the caller has stopped waiting. Nothing may be written after that
   */
  one(input: Input, isOverdue: () => boolean): Promise<Output>;
  /**
   * For many callers, in order; `undefined` for one that must run alone. It must not wait for a lock.
   *
   * @param isOverdue the same for any of them
   * @throws {SessionStoreUnavailableException} for all of them: it may have taken effect. After any other error, each of
   *   them runs alone
   */
  many(
    inputs: readonly Input[],
    isOverdue: () => boolean,
  ): Promise<readonly (Output | undefined)[]>;
  /** Inputs with equal keys never share a statement. Without keys, any inputs do. */
  keyOf?(input: Input): string;
}

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly isOverdue: () => boolean;
  readonly resolve: (output: Output | Promise<Output>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Lets simultaneous callers of one kind of statement share it (group commit): one round trip and one commit serve many.
 * A single caller waits for nobody.
 */
export class StatementGroup<Input, Output> {
  private waiting: Waiting<Input, Output>[] = [];
  private aloneUnderWay = 0;
  private groupsUnderWay = 0;
  private isStarting = false;

  constructor(private readonly statement: SharedStatement<Input, Output>) {}

  /** @param isOverdue whether the caller has stopped waiting: a statement not sent by then is never sent */
  add(input: Input, isOverdue: () => boolean): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, isOverdue, resolve, reject });
      if (this.isStarting) return;
      this.isStarting = true;
      // After everything else in this turn of the event loop.
      process.nextTick(() => {
        this.isStarting = false;
        this.start();
      });
    });
  }

  private start(): void {
    const [first] = this.waiting;
    if (this.waiting.length === 1 && first && this.aloneUnderWay < MOST_UNDER_WAY) {
      this.waiting = [];
      this.runAlone(first);
      return;
    }
    while (this.groupsUnderWay < MOST_UNDER_WAY && this.waiting.length > 0) {
      const group = this.nextGroup();
      if (group.length > 0) void this.runGroup(group);
    }
  }

  private nextGroup(): Waiting<Input, Output>[] {
    const group = new Map<unknown, Waiting<Input, Output>>();
    const later: Waiting<Input, Output>[] = [];
    const size = this.sizeOfNext();
    for (const each of this.waiting) {
      if (each.isOverdue()) {
        each.reject(overdue());
        continue;
      }
      const key = this.statement.keyOf?.(each.input) ?? each;
      if (group.size === size || group.has(key)) later.push(each);
      else group.set(key, each);
    }
    this.waiting = later;
    return [...group.values()];
  }

  // An equal part for each statement that may still begin. One that took all would bring all callers back together. The
  // database and this process would then wait for each other by turns: 16 logins at once took a quarter longer.
  private sizeOfNext(): number {
    const part = Math.ceil(this.waiting.length / (MOST_UNDER_WAY - this.groupsUnderWay));
    return Math.min(MOST_IN_A_GROUP, Math.max(LEAST_IN_A_GROUP, part));
  }

  // It may wait for a lock, but holds up no group meanwhile.
  private runAlone({ input, isOverdue, resolve, reject }: Waiting<Input, Output>): void {
    if (isOverdue()) return reject(overdue());
    this.aloneUnderWay += 1;
    const finish = (): void => {
      this.aloneUnderWay -= 1;
    };
    const running = this.statement.one(input, isOverdue);
    running.then(finish, finish);
    resolve(running);
  }

  private async runGroup(group: readonly Waiting<Input, Output>[]): Promise<void> {
    this.groupsUnderWay += 1;
    const inputs = group.map(({ input }) => input);
    const isOverdue = (): boolean => group.some((each) => each.isOverdue());
    const outputs = await this.statement.many(inputs, isOverdue).catch((error: unknown) => {
      // A statement that the database refuses must not fail its neighbors.
      if (!(error instanceof SessionStoreUnavailableException)) return [];
      for (const each of group) each.reject(error);
      return undefined;
    });
    this.groupsUnderWay -= 1;
    if (outputs !== undefined) this.answer(group, outputs);
    this.start();
  }

  private answer(
    group: readonly Waiting<Input, Output>[],
    outputs: readonly (Output | undefined)[],
  ): void {
    group.forEach((each, index) => {
      const output = outputs[index];
      if (output === undefined) this.runAlone(each);
      else each.resolve(output);
    });
  }
}

function overdue(): SessionStoreUnavailableException {
  return new SessionStoreUnavailableException({
    cause: new Error('the statement was not sent in time'),
  });
}
