class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

const LIMIT_MS = 5_000;

/**
 * The work's result. Overdue work runs on, and nobody hears of its end.
 *
 * @throws {TimeoutError} if the work takes longer than five seconds
 */
export async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`no end within ${LIMIT_MS} ms`)), LIMIT_MS);
    timer.unref();
  });
  try {
    return await Promise.race([work, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
