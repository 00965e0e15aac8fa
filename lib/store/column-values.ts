import type { SessionActor } from './session-record.js';

/**
 * Who acts in a session. If the text is unreadable, it is still somebody other than the user. The session then ends with
 * an actor's session that does not exist.
 */
export function readActor(text: unknown): SessionActor | null {
  if (typeof text !== 'string') return null;
  try {
    return JSON.parse(text) as SessionActor;
  } catch {
    return { userId: '', tenantId: '', handle: '', reason: '' };
  }
}

/** A nullable bigint column, as drivers return it: a number or a text. */
export function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}

/** A nullable text column, as drivers return it. */
export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Reads a column with the application's own values. @throws {Error} that contains none of the values */
export function readJson(
  row: Readonly<Record<string, unknown>>,
  column: 'accessTokenPayload' | 'sessionData',
): Record<string, unknown> {
  try {
    return JSON.parse(String(row[column])) as Record<string, unknown>;
  } catch {
    // The error of `JSON.parse` contains a piece of the user's data.
    throw new Error(
      `${column} of a session's row is not valid JSON: another program has written to it`,
    );
  }
}
