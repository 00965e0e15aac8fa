/** Some work has not ended in time. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/**
 * The work's result. Overdue work runs on, and nobody hears of its end.
 *
 * @throws {TimeoutError} if the work takes longer than this many milliseconds
 */
export async function settledWithin<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`no end within ${limitMs} ms`)), limitMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
