import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readAnswers, type RawAnswer } from './raw-answer.js';

const LONGEST_WAIT_MS = 10_000;

/** How a client goes away, whatever it is waiting for. */
export interface HangUp {
  /** With an end of what it sends alone, in good order, or by a reset. */
  readonly by: 'half-close' | 'close' | 'reset';
  /** What passes between its last byte and its end. */
  readonly turnsOfTheLoop: number;
}

/** A connection that sends bytes and no more: nothing is normalised, no header is added. */
export class RawConnection {
  private socket: Socket | undefined;
  private count = 0;

  constructor(private readonly port: number) {}

  /** How many connections it has opened. */
  get opened(): number {
    return this.count;
  }

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
    const [answer] = known ? await this.exchange(known, [method], bytes) : [];
    // It was closed just before (RFC 9112 §9.3.1), so the server has not seen the request.
    return answer ?? (await this.exchange(await this.open(), [method], bytes))[0];
  }

  /** Sends several requests at once, on a connection of their own: their answers, as far as they come. */
  async sendPipelined(methods: readonly string[], bytes: Buffer): Promise<readonly RawAnswer[]> {
    this.close();
    const answers = await this.exchange(await this.open(), methods, bytes);
    this.close();
    return answers;
  }

  /**
   * Sends a request or the beginning of one, on a connection of its own, and goes away. Half-closed, it waits until the
   * server has gone too.
   *
   * @param readiness what is waited for once the bytes have been sent
   */
  async abandon(
    method: string,
    bytes: Buffer,
    { by, turnsOfTheLoop }: HangUp,
    readiness: Promise<unknown> = Promise.resolve(),
  ): Promise<RawAnswer | undefined> {
    this.close();
    const socket = await this.open();
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    const closed = closeOf(socket);
    await new Promise((resolve) => {
      socket.write(bytes, resolve);
    });
    await readiness;
    for (let turn = 0; turn < turnsOfTheLoop; turn += 1) await nextTurn();
    if (by === 'half-close') socket.end();
    else if (by === 'reset') socket.resetAndDestroy();
    else socket.destroy();
    await closed;
    this.close();
    return readAnswers(Buffer.concat(received), [method], true)[0];
  }

  close(): void {
    this.socket?.destroy();
    this.socket = undefined;
  }

  private exchange(
    socket: Socket,
    methods: readonly string[],
    bytes: Buffer,
  ): Promise<readonly RawAnswer[]> {
    const received: Buffer[] = [];
    return new Promise((resolve) => {
      const finish = (answers: readonly RawAnswer[]): void => {
        clearTimeout(timer);
        socket.off('data', onData).off('close', onClose);
        const last = answers.at(-1);
        if (answers.length < methods.length || last?.headers.get('connection') === 'close')
          this.close();
        resolve(answers);
      };
      const read = (isOver: boolean) => readAnswers(Buffer.concat(received), methods, isOver);
      const onData = (chunk: Buffer): void => {
        received.push(chunk);
        const answers = read(false);
        if (answers.length === methods.length) finish(answers);
      };
      const onClose = (): void => finish(read(true));
      const timer = setTimeout(() => finish(read(false)), LONGEST_WAIT_MS);
      socket.on('data', onData).on('close', onClose);
      socket.write(bytes);
    });
  }

  private open(): Promise<Socket> {
    this.count += 1;
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

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('the server keeps a connection that its client has left'));
    }, LONGEST_WAIT_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
