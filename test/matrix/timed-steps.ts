/** What the steps of one test take. A step that fails is named by its error. */
export class TimedSteps {
  private readonly taken: string[] = [];

  constructor(private readonly title: string) {}

  async take<Result>(name: string, step: () => Promise<Result>): Promise<Result> {
    const startMs = performance.now();
    try {
      return await step();
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    } finally {
      this.taken.push(`${name} ${Math.round((performance.now() - startMs) / 1000)} s`);
    }
  }

  print(): void {
    process.stdout.write(`${this.title}: ${this.taken.join(', ')}\n`);
  }
}
