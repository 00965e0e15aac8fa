import type { RawAnswer } from './raw-answer.js';

const BODIES: ReadonlySet<string> = new Set([
  '{"statusCode":401,"code":"UNAUTHORISED","message":"unauthorised"}',
  '{"statusCode":401,"code":"TRY_REFRESH_TOKEN","message":"try refresh token"}',
]);
/** What is the server's own, and differs from one framework or moment to the other. */
const OF_THE_SERVER = new Set(['date', 'etag', 'x-powered-by', 'connection', 'keep-alive']);

/** Holds refusals against the first of their kind: they are alike to the byte, whatever was wrong and whoever answers. */
export class KnownRefusals {
  private readonly first = new Map<string, string>();

  /** What is wrong with a refusal; `undefined` where nothing is. */
  judge({ status, headers, body }: RawAnswer, isHead: boolean): string | undefined {
    if (!isHead && !BODIES.has(body)) return 'a refusal of another text';
    const told = [...headers].filter(([name]) => !OF_THE_SERVER.has(name)).map(String);
    const text = JSON.stringify([status, ...told.toSorted()]);
    // A token in `Authorization` is answered with a challenge (RFC 6750 §3).
    const kind = `${isHead ? 'HEAD' : body} ${headers.has('www-authenticate')}`;
    const known = this.first.get(kind);
    this.first.set(kind, known ?? text);
    return known === undefined || known === text ? undefined : `a refusal unlike ${known}`;
  }
}
