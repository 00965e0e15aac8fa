import { describe, expect, it } from 'vitest';
import { SessionStoreUnavailableException } from '../../lib/index.js';
import { StatementGroup } from '../../lib/store/statement-group.js';

const inTime = (): boolean => false;

/** A database that answers when it is told to, and notes which inputs shared a statement. */
class Statements {
  readonly sent: number[][] = [];
  private readonly answers: (() => void)[] = [];

  constructor(
    private readonly failing: (inputs: readonly number[]) => boolean = () => false,
    private readonly locked: ReadonlySet<number> = new Set(),
  ) {}

  readonly group = new StatementGroup<number, string>({
    one: async (input) => (await this.send([input]))[0] ?? '',
    many: async (inputs) => {
      const outputs = await this.send(inputs);
      return inputs.map((input, index) => (this.locked.has(input) ? undefined : outputs[index]));
    },
    keyOf: (input) => String(input % 100),
  });

  add(inputs: readonly number[]): Promise<PromiseSettledResult<string>[]> {
    return Promise.allSettled(inputs.map((input) => this.group.add(input, inTime)));
  }

  /** Answers what has been sent, and what is sent then, until nothing is under way. */
  async answerAll(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      await new Promise(setImmediate);
      if (this.answers.length > 0) quiet = 0;
      for (const answer of this.answers.splice(0)) answer();
    }
  }

  private async send(inputs: readonly number[]): Promise<string[]> {
    this.sent.push([...inputs]);
    await new Promise<void>((resolve) => this.answers.push(resolve));
    if (this.failing(inputs)) throw new Error('refused');
    return inputs.map((input) => `row ${input}`);
  }
}

const range = (length: number) => Array.from({ length }, (_, index) => index);
const values = (settled: PromiseSettledResult<string>[]) =>
  settled.map((each) => (each.status === 'fulfilled' ? each.value : 'failed'));

describe('a statement that callers share', () => {
  it('is sent at once for one who comes alone', async () => {
    const database = new Statements();
    const first = database.add([1]);
    await new Promise(setImmediate);
    const second = database.add([2]);
    await new Promise(setImmediate);
    expect(database.sent).toEqual([[1], [2]]);
    await database.answerAll();
    expect(values([...(await first), ...(await second)])).toEqual(['row 1', 'row 2']);
  });

  it('takes up to 32 who come at the same time, and each gets the answer to its own', async () => {
    const database = new Statements();
    const all = database.add(range(80));
    await database.answerAll();
    expect(database.sent.map(({ length }) => length)).toEqual([32, 32, 16]);
    expect(values(await all)).toEqual(range(80).map((input) => `row ${input}`));
  });

  it('is sent in two halves for those who come at the same time, and for four or fewer as one', async () => {
    const database = new Statements();
    const all = database.add(range(16));
    await new Promise(setImmediate);
    expect(database.sent.map(({ length }) => length)).toEqual([8, 8]);
    await database.answerAll();
    expect(values(await all)).toEqual(range(16).map((input) => `row ${input}`));
    const few = database.add(range(4));
    await database.answerAll();
    expect(database.sent[2]).toEqual(range(4));
    expect(values(await few)).toHaveLength(4);
  });

  it('takes those who come while two are under way for single ones, and two for many', async () => {
    const database = new Statements();
    const settled = [];
    for (const input of range(10)) {
      settled.push(database.add([input]));
      await new Promise(setImmediate);
    }
    expect(database.sent).toEqual([[0], [1], [2], [3]]);
    await database.answerAll();
    expect(database.sent[4]).toEqual([4, 5, 6, 7, 8, 9]);
    expect(values((await Promise.all(settled)).flat())).toEqual(range(10).map((n) => `row ${n}`));
  });

  it('never takes two that mean the same row', async () => {
    const database = new Statements();
    const all = database.add([1, 101, 201, 2]);
    await database.answerAll();
    expect(database.sent).toEqual([[1, 2], [101], [201]]);
    expect(values(await all)).toEqual(['row 1', 'row 101', 'row 201', 'row 2']);
  });

  it('takes all who ask for one row, where nothing is changed', async () => {
    const sent: (readonly string[])[] = [];
    const group = new StatementGroup<string, string>({
      one: (input) => Promise.resolve(input),
      many: (inputs) => Promise.resolve((sent.push(inputs), inputs.map((input) => `row ${input}`))),
    });
    const asked = ['a', 'a', 'b'];
    const answers = await Promise.all(asked.map((input) => group.add(input, inTime)));
    expect(sent).toEqual([asked]);
    expect(answers).toEqual(['row a', 'row a', 'row b']);
  });

  it('is run again for each alone where it fails, so that one bad row fails by itself', async () => {
    const database = new Statements((inputs) => inputs.includes(3));
    const all = database.add(range(6));
    await database.answerAll();
    expect(values(await all)).toEqual(['row 0', 'row 1', 'row 2', 'failed', 'row 4', 'row 5']);
  });

  it('fails for all of them where the database is away: it may have taken effect', async () => {
    const away = new SessionStoreUnavailableException();
    const sent: (readonly number[])[] = [];
    const group = new StatementGroup<number, string>({
      one: (input) => Promise.resolve(`row ${sent.push([input])}`),
      many: (inputs) => (sent.push(inputs), Promise.reject(away)),
    });
    const all = await Promise.allSettled(range(4).map((input) => group.add(input, inTime)));
    expect(all).toEqual(range(4).map(() => ({ status: 'rejected', reason: away })));
    expect(sent).toEqual([range(4)]);
  });

  it('hears when one of them has stopped waiting', async () => {
    let isOverdue = false;
    const heard: boolean[] = [];
    const group = new StatementGroup<number, boolean>({
      one: () => Promise.resolve(true),
      many: async (inputs, isLate) => {
        heard.push(isLate());
        isOverdue = true;
        heard.push(isLate());
        return inputs.map(() => true);
      },
    });
    await Promise.all([group.add(1, inTime), group.add(2, () => isOverdue), group.add(3, inTime)]);
    expect(heard).toEqual([false, true]);
  });

  it('leaves out what is locked, which waits on its own and holds up nobody', async () => {
    const database = new Statements(undefined, new Set([3]));
    const all = database.add(range(4));
    await database.answerAll();
    expect(database.sent).toEqual([range(4), [3]]);
    expect(values(await all)).toEqual(range(4).map((input) => `row ${input}`));
  });

  it('is not sent for one who has stopped waiting', async () => {
    const database = new Statements();
    let isOverdue = false;
    const early = database.add(range(64));
    await new Promise(setImmediate);
    const gone = Promise.allSettled([
      database.group.add(70, () => isOverdue),
      database.group.add(71, inTime),
    ]);
    await new Promise(setImmediate);
    isOverdue = true;
    await database.answerAll();
    expect(database.sent.slice(2)).toEqual([[71]]);
    expect(values(await gone)).toEqual(['failed', 'row 71']);
    await early;
  });
});
