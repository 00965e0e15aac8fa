import { request as httpRequest, type Agent, type IncomingHttpHeaders } from 'node:http';
import { CookieJar } from 'tough-cookie';

/** What a server answered. */
export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  /** Every Set-Cookie line, in order. */
  setCookies: string[];
  text: string;
  json: unknown;
}

export interface RequestOptions {
  headers?: Record<string, string | string[]>;
  body?: unknown;
  /** Keeps connections. */
  agent?: Agent;
}

/** A client with a browser's cookie jar, over real HTTP. */
export class HttpClient {
  /**
   * @param baseUrl where the server listens
   * @param publicUrl how the client calls it: its host is sent as `Host`, and cookies are kept for it
   * @param jar the cookies that it has from before
   */
  constructor(
    readonly baseUrl: string,
    private readonly publicUrl = baseUrl,
    readonly jar = new CookieJar(undefined, { prefixSecurity: 'strict' }),
  ) {}

  get(path: string, options: RequestOptions = {}): Promise<Answer> {
    return this.send('GET', path, options);
  }

  post(path: string, body?: unknown, options: RequestOptions = {}): Promise<Answer> {
    return this.send('POST', path, { body, ...options });
  }

  async send(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const cookies = await this.jar.getCookieString(this.publicUrl + path);
    const answer = await send(this.baseUrl + path, method, {
      ...options,
      headers: {
        host: new URL(this.publicUrl).host,
        // As a browser has it for a page's own requests.
        referer: `${this.publicUrl}/`,
        ...(cookies === '' ? {} : { cookie: cookies }),
        ...options.headers,
      },
    });
    for (const line of answer.setCookies) {
      await this.jar.setCookie(line, this.publicUrl + path, { ignoreError: false });
    }
    return answer;
  }

  /** The value of a cookie that the jar would send. */
  async cookie(name: string): Promise<string | undefined> {
    const cookies = await this.jar.getCookies(this.publicUrl);
    return cookies.find((each) => each.key === name)?.value;
  }
}

/** One request without a jar; without a host of its own as a page at this address sends it. */
export function send(url: string, method: string, options: RequestOptions = {}): Promise<Answer> {
  const referer =
    options.headers?.['host'] === undefined ? { referer: `${new URL(url).origin}/` } : {};
  const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      url,
      {
        method,
        agent: options.agent,
        headers: {
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          ...referer,
          ...options.headers,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            setCookies: incoming.headers['set-cookie'] ?? [],
            text,
            json: parse(text),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
