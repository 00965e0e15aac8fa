/** What a program answers when it is asked, by the name of the question. */
export type Answers = Record<string, (...parameters: never[]) => unknown>;

export interface Question {
  readonly id: number;
  readonly name: string;
  readonly parameters: readonly unknown[];
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Answers the parent's questions, in a process of its own, so that no program shares a heap or a compiler's profile with another. */
export function answer(answers: Answers): void {
  process.on('message', (question: Question) => {
    void reply(answers, question).then((value) => process.send?.(value));
  });
  process.on('disconnect', () => process.exit());
}

async function reply(answers: Answers, { id, name, parameters }: Question): Promise<Answer> {
  try {
    const value = await answers[name]?.(...(parameters as never[]));
    return { id, value };
  } catch (error) {
    return { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
