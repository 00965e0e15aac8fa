/*
 * Clients of `connections.mjs` in a process of their own. They are told of by messages: which tokens to open sockets with,
 * and when to count those that are closed.
 */
import { WebSocket } from 'ws';

const OPENED_AT_ONCE = 200;
let closed = 0;

async function openAll({ url, tokens, perToken }) {
  const waiting = tokens.flatMap((token) => Array.from({ length: perToken }, () => token));
  const openOne = (token) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('close', (code) => {
        closed += 1;
        process.send({ closed, code });
      });
    });
  for (let from = 0; from < waiting.length; from += OPENED_AT_ONCE) {
    await Promise.all(waiting.slice(from, from + OPENED_AT_ONCE).map(openOne));
  }
  process.send({ opened: waiting.length });
}

process.on('message', (message) => {
  if (message === 'end') process.exit(0);
  openAll(message).catch((error) => {
    process.send({ failed: String(error) });
  });
});
