import { connect, type Socket } from 'node:net';

const LONGEST_WAIT_MS = 10_000;

/** What came back, as it came. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; the values of one that comes several times are joined by a line break. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** A connection that sends bytes and no more: nothing is normalised, no header is added. */
export class RawConnection {
  private socket: Socket | undefined;

  constructor(private readonly port: number) {}

  /**
   * Sends one request and waits for its answer; a connection that the server closed is opened again.
   *
   * @throws where no answer comes
   */
  async send(method: string, bytes: Buffer): Promise<RawAnswer> {
    const answer = await this.sendOnce(method, bytes);
    if (answer !== undefined) return answer;
    throw new Error(`no answer to ${JSON.stringify(bytes.toString('latin1', 0, 2_000))}`);
  }

  /** The same for what a server may cut off while it is still being sent: `undefined` then. */
  async sendOnce(method: string, bytes: Buffer): Promise<RawAnswer | undefined> {
    const known = this.socket?.writable === true ? this.socket : undefined;
    return (
      (known && (await this.exchange(known, method, bytes))) ??
      // It was closed just before (RFC 9112 §9.3.1), so the server has not seen the request.
      this.exchange(await this.open(), method, bytes)
    );
  }

  private exchange(socket: Socket, method: string, bytes: Buffer): Promise<RawAnswer | undefined> {
    const received: Buffer[] = [];
    return new Promise((resolve) => {
      const finish = (answer: RawAnswer | undefined): void => {
        clearTimeout(timer);
        socket.off('data', onData).off('close', onClose);
        if (answer === undefined || answer.headers.get('connection') === 'close') this.close();
        resolve(answer);
      };
      const onData = (chunk: Buffer): void => {
        received.push(chunk);
        const answer = readAnswer(Buffer.concat(received), method, false);
        if (answer !== undefined) finish(answer);
      };
      const onClose = (): void => finish(readAnswer(Buffer.concat(received), method, true));
      const timer = setTimeout(() => finish(undefined), LONGEST_WAIT_MS);
      socket.on('data', onData).on('close', onClose);
      socket.write(bytes);
    });
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1');
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        // Whoever closes first, the next request opens a new one.
        socket.on('error', () => undefined);
        this.socket = socket;
        resolve(socket);
      });
    });
  }
}

function readAnswer(bytes: Buffer, method: string, isOver: boolean): RawAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}\n${value}`);
  }
  const rest = bytes.subarray(end + 4);
  if (method === 'HEAD' || status === 204 || status === 304) return { status, headers, body: '' };
  const length = headers.get('content-length');
  if (length !== undefined) {
    if (rest.length < Number(length) && !isOver) return undefined;
    return { status, headers, body: rest.toString('utf8', 0, Number(length)) };
  }
  const isWhole = headers.get('transfer-encoding') === 'chunked' && rest.includes('0\r\n\r\n');
  return isWhole || isOver || headers.get('connection') === 'close'
    ? { status, headers, body: rest.toString('utf8') }
    : undefined;
}
