import { ACCESS_COOKIE, payloadOf, REFRESH_COOKIE, type Holder } from '../scene.js';

/** What came back, as it came. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; the values of one that comes several times are joined by a line break. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** The answers to requests that went over one connection, in their order, as far as they have come. */
export function readAnswers(
  bytes: Buffer,
  methods: readonly string[],
  isOver: boolean,
): readonly RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  for (const method of methods) {
    const read = readAnswer(rest, method, isOver);
    if (read === undefined) break;
    answers.push(read.answer);
    rest = rest.subarray(read.length);
  }
  return answers;
}

interface Reading {
  readonly answer: RawAnswer;
  readonly length: number;
}

function readAnswer(bytes: Buffer, method: string, isOver: boolean): Reading | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const start = end + 4;
  // "100 Continue" says that an answer is to come (RFC 9110 §15.2).
  if (status < 200) return after(start, readAnswer(bytes.subarray(start), method, isOver));
  const headers = headersOf(lines);
  if (method === 'HEAD' || status === 204 || status === 304) {
    return { answer: { status, headers, body: '' }, length: start };
  }
  const body = readBody(bytes.subarray(start), headers, isOver);
  return body && { answer: { status, headers, body: body.text }, length: start + body.length };
}

function after(start: number, read: Reading | undefined): Reading | undefined {
  return read && { ...read, length: start + read.length };
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}\n${value}`);
  }
  return headers;
}

function readBody(
  rest: Buffer,
  headers: ReadonlyMap<string, string>,
  isOver: boolean,
): { text: string; length: number } | undefined {
  const length = headers.get('content-length');
  if (length !== undefined) {
    if (rest.length < Number(length) && !isOver) return undefined;
    return { text: rest.toString('utf8', 0, Number(length)), length: Number(length) };
  }
  const last = headers.get('transfer-encoding') === 'chunked' ? rest.indexOf('0\r\n\r\n') : -1;
  if (last >= 0) return { text: rest.toString('utf8', 0, last + 5), length: last + 5 };
  return isOver || headers.get('connection') === 'close'
    ? { text: rest.toString('utf8'), length: rest.length }
    : undefined;
}

/** What a client keeps of an answer that brings tokens. */
export function holderOfRaw({ headers }: RawAnswer, before?: Holder): Holder {
  const cookies = headers.get('set-cookie') ?? '';
  const cookie = (name: string) => new RegExp(`${name}=([^;]+)`).exec(cookies)?.[1];
  const access = cookie(ACCESS_COOKIE) ?? headers.get('st-access-token') ?? before?.access ?? '';
  const { sub, sessionHandle } = payloadOf(access);
  if (before !== undefined && sub !== before.userId) throw new Error('a session of somebody else');
  return {
    userId: String(sub),
    handle: String(sessionHandle),
    access,
    refresh: cookie(REFRESH_COOKIE) ?? headers.get('st-refresh-token') ?? before?.refresh ?? '',
    antiCsrf: headers.get('anti-csrf') ?? before?.antiCsrf,
  };
}
