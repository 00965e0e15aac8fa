/**
 * Calls an application's listener at once. One that throws, or returns a promise that rejects, harms nobody else: a
 * rejection that nobody handles would end the process.
 *
 * @param report called for each failure
 */
export function callListener(listener: () => unknown, report: () => void): void {
  try {
    const told = listener();
    if (told !== undefined) Promise.resolve(told).catch(report);
  } catch {
    report();
  }
}
