/** The same work, whose result a listener hears as soon as it is there, whether or not somebody still awaits it. */
export async function heardBy<T>(listener: (result: T) => void, work: Promise<T>): Promise<T> {
  const result = await work;
  listener(result);
  return result;
}
