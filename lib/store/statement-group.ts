import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';

// Of each kind of statement, so that most of the pool's connections are left to the application.
const MOST_UNDER_WAY = 2;
// Half of what arrives at once in a busy server: while the database works on one group, the next is made up.
const MOST_IN_A_GROUP = 32;

/** A statement that callers can share who want it at the same time. */
export interface SharedStatement<Input, Output> {
  /** For one caller. */
  one(input: Input): Promise<Output>;
  /** For many, in their order; `undefined` for one that has to be run on its own. It must not wait for a lock. */
  many(inputs: readonly Input[]): Promise<readonly (Output | undefined)[]>;
  /** Inputs of the same key never share a statement; without keys any do. */
  keyOf?(input: Input): string;
}

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly isOverdue: () => boolean;
  readonly resolve: (output: Output | Promise<Output>) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Lets callers that want the same kind of statement at the same time share one (group commit): one round trip and one
 * commit do for many. Who comes alone waits for nobody.
 */
export class StatementGroup<Input, Output> {
  private waiting: Waiting<Input, Output>[] = [];
  private aloneUnderWay = 0;
  private groupsUnderWay = 0;
  private isStarting = false;

  constructor(private readonly statement: SharedStatement<Input, Output>) {}

  /** @param isOverdue whether the caller has stopped waiting: what has not been sent by then never is */
  add(input: Input, isOverdue: () => boolean): Promise<Output> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ input, isOverdue, resolve, reject });
      if (this.isStarting) return;
      this.isStarting = true;
      // After all that this turn of the event loop brings.
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
    for (const each of this.waiting) {
      if (each.isOverdue()) {
        each.reject(overdue());
        continue;
      }
      const key = this.statement.keyOf?.(each.input) ?? each;
      if (group.size === MOST_IN_A_GROUP || group.has(key)) later.push(each);
      else group.set(key, each);
    }
    this.waiting = later;
    return [...group.values()];
  }

  // It may wait for a lock, and holds up no group meanwhile.
  private runAlone({ input, isOverdue, resolve, reject }: Waiting<Input, Output>): void {
    if (isOverdue()) return reject(overdue());
    this.aloneUnderWay += 1;
    const finish = (): void => {
      this.aloneUnderWay -= 1;
    };
    const running = this.statement.one(input);
    running.then(finish, finish);
    resolve(running);
  }

  private async runGroup(group: readonly Waiting<Input, Output>[]): Promise<void> {
    this.groupsUnderWay += 1;
    // One that the database refuses must not fail its neighbours.
    const outputs = await this.statement.many(group.map(({ input }) => input)).catch(() => []);
    this.groupsUnderWay -= 1;
    group.forEach((each, index) => {
      const output = outputs[index];
      if (output === undefined) this.runAlone(each);
      else each.resolve(output);
    });
    this.start();
  }
}

function overdue(): SessionStoreUnavailableException {
  return new SessionStoreUnavailableException({
    cause: new Error('the statement was not sent in time'),
  });
}
