import { connect, type Socket } from 'node:net';

const CONNECTIONS = 16;

/** A request as it goes over the wire, again and again. */
export interface RequestLine {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Sends the same request over a fixed number of connections, the next one when the answer is there. It writes bytes and
 * counts bytes: a client that parsed the answers would be slower than the servers that are measured. So all answers must
 * be alike, and the first is looked at.
 *
 * @returns how many answers came
 * @throws {Error} where the answer is not `200 OK`, or one has another length
 */
export async function load(request: RequestLine, forMs: number): Promise<number> {
  const bytes = requestBytes(request);
  const answerLength = await lengthOfAnswer(request.port, bytes);
  const endsAt = performance.now() + forMs;
  const awake = stayAwake();
  try {
    const counts = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => drive(request.port, bytes, answerLength, endsAt)),
    );
    return counts.reduce((a, b) => a + b);
  } finally {
    awake.end();
  }
}

// A client that sleeps is woken by the server's write, which takes the server up to 5 µs of 30. The slower server meets it
// asleep more often, so that a difference of 1 µs would look like one of 5.
function stayAwake(): { end: () => void } {
  let isOver = false;
  const turn = (): void => {
    if (!isOver) setImmediate(turn);
  };
  turn();
  return {
    end: () => {
      isOver = true;
    },
  };
}

function requestBytes({ path, headers }: RequestLine): Buffer {
  // A host that is no loopback: cookies are read as they are in production.
  const all = { host: 'api.example.com', connection: 'keep-alive', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

function lengthOfAnswer(port: number, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer in 5 s')));
    socket.on('error', reject);
    socket.on('data', (answer) => {
      socket.destroy();
      const text = answer.toString('latin1');
      if (text.startsWith('HTTP/1.1 200 OK\r\n')) resolve(answer.length);
      else reject(new Error(`answered with ${text}`));
    });
  });
}

function drive(
  port: number,
  request: Buffer,
  answerLength: number,
  endsAt: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let answers = 0;
    let received = 0;
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }, () =>
      socket.write(request),
    );
    socket.on('error', reject);
    socket.on('data', (part) => {
      received += part.length;
      if (received < answerLength) return;
      if (received > answerLength) {
        socket.destroy(new Error('an answer has another length than the first'));
        return;
      }
      received = 0;
      answers += 1;
      if (performance.now() < endsAt) socket.write(request);
      else socket.destroy();
    });
    socket.on('close', () => resolve(answers));
  });
}
