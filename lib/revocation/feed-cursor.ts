/** The position of a reader. */
export interface FeedCursor {
  /** The reader has everything that some instance had learned by then, in milliseconds since the epoch. */
  readonly upToMs: number;
  /** The number of the last line read from each instance. */
  readonly read: ReadonlyMap<string, number>;
}

export const NOTHING_READ: FeedCursor = { upToMs: 0, read: new Map() };

const VERSION = 1;
const MAX_LENGTH = 2_048;
// With more instances behind one address, the one that was asked least recently is forgotten, and sends everything
// again.
const MAX_INSTANCES = 32;

/**
 * The text of a cursor, which only we read.
 *
 * @param realm the realm of the lines: a cursor of another kind of sessions is invalid
 */
export function writeCursor({ upToMs, read }: FeedCursor, realm: string): string {
  const instances = [...read].slice(-MAX_INSTANCES);
  const text = JSON.stringify([VERSION, realm, upToMs, ...instances]);
  return Buffer.from(text).toString('base64url');
}

/** @returns the start position if the text is not a cursor of ours */
export function readCursor(text: unknown, realm: string): FeedCursor {
  if (typeof text !== 'string' || text.length > MAX_LENGTH) return NOTHING_READ;
  const parsed = parse(text);
  if (!Array.isArray(parsed)) return NOTHING_READ;
  const [version, itsRealm, upToMs, ...instances] = parsed as unknown[];
  if (version !== VERSION || itsRealm !== realm || !isCount(upToMs)) return NOTHING_READ;
  return instances.every(isInstance) ? { upToMs, read: new Map(instances) } : NOTHING_READ;
}

/** The cursor of a reader that has read on. */
export function movedOn(
  { upToMs, read }: FeedCursor,
  instance: string,
  line: number,
  knownUpToMs: number,
): FeedCursor {
  const others = [...read].filter(([each]) => each !== instance);
  return { upToMs: Math.max(upToMs, knownUpToMs), read: new Map([...others, [instance, line]]) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    return undefined;
  }
}

function isInstance(value: unknown): value is [string, number] {
  return Array.isArray(value) && typeof value[0] === 'string' && isCount(value[1]);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
