/**
 * JSON in ASCII: every other character is escaped (RFC 8259 §7). So no charset of a column or a connection can change
 * what an application keeps in a session.
 */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[^\u0020-\u007e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
