const MAX_GROUP = 64;
const MOST_UNDER_WAY = 2;

interface Waiting<Input, Output> {
  readonly input: Input;
  readonly resolve: (output: Output) => void;
  readonly reject: (error: unknown) => void;
}

/** At most two statements of a kind are under way; the others wait for one that takes them all. */
export function grouped<Input, Output>(
  run: (inputs: Input[]) => Output[] | Promise<Output[]>,
): (input: Input) => Promise<Output> {
  const queue: Waiting<Input, Output>[] = [];
  let underWay = 0;
  const flush = async (): Promise<void> => {
    underWay += 1;
    while (queue.length > 0) {
      const group = queue.splice(0, MAX_GROUP);
      try {
        const outputs = await run(group.map(({ input }) => input));
        group.forEach(({ resolve }, index) => resolve(outputs[index] as Output));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    underWay -= 1;
  };
  return (input) =>
    new Promise((resolve, reject) => {
      queue.push({ input, resolve, reject });
      // Behind what else this turn of the event loop brings.
      if (underWay < MOST_UNDER_WAY) {
        setImmediate(() => void (underWay < MOST_UNDER_WAY && flush()));
      }
    });
}
