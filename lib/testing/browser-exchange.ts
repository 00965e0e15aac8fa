import { request as startRequest, type IncomingHttpHeaders } from 'node:http';

/** A server's answer. @publicApi */
export interface FakeBrowserAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Every `Set-Cookie` line, in order. */
  readonly setCookies: readonly string[];
  readonly text: string;
}

/** Sends one request with only these headers. @throws {Error} if nobody answers */
export function exchange(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Promise<FakeBrowserAnswer> {
  return new Promise((resolve, reject) => {
    const sized =
      method === 'GET' ? headers : { ...headers, 'content-length': Buffer.byteLength(body) };
    const outgoing = startRequest(url, { method, headers: sized }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const { statusCode: status = 0, headers: answered } = incoming;
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status, headers: answered, setCookies: answered['set-cookie'] ?? [], text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
