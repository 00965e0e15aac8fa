import { call } from '../api.js';
import { knownSession } from '../front-token.js';
import { forgetEntries, lastRequestTo } from '../journal.js';
import SuperTokens from '../sdk.js';
import { noteOrigin } from '../session-notes.js';

/**
 * The two holders of one session: this browser, with its cookies, and a worker that plays another machine, with a
 * copied token. Every act resolves to `{ status, message, name, hash }`, where `hash` names the holder's refresh token
 * after it.
 */
export class Stage {
  #machine = new Worker('/play/second-device.js', { type: 'module' });

  /** A fresh session for the play. */
  async logIn() {
    forgetEntries();
    const { status } = await call('POST', '/sso');
    noteOrigin('sessions.createNewSession() on POST /sso');
    return { status, name: knownSession()?.claims.name, hash: heldHere() };
  }

  async copyToken() {
    const { status, body } = await call('POST', '/demo/theft/refresh-token');
    await this.#tell('take', { refreshToken: body.refreshToken });
    return { status, hash: heldHere(), token: body.refreshToken };
  }

  /** The play of a bound session, whose acts are already over. */
  async playBound() {
    const { body } = await call('POST', '/demo/theft/bound');
    return body.acts.map(({ who, text, ...answer }) => ({ who, text, answer }));
  }

  async refreshHere() {
    const isDone = await SuperTokens.attemptRefreshingSession();
    const { status, message } = lastRequestTo('/auth/session/refresh');
    return { status, message, ...(isDone ? { hash: heldHere() } : {}) };
  }

  async callHere() {
    const { status, body } = await call('GET', '/profile');
    return { status, name: body.name, message: body.message };
  }

  async refreshThere() {
    const { status, body, hash } = await this.#tell('refresh');
    return { status, message: body.message, hash };
  }

  async callThere() {
    const { status, body } = await this.#tell('call');
    return { status, name: body.name, message: body.message };
  }

  close() {
    this.#machine.terminate();
  }

  #tell(action, facts = {}) {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
      port1.addEventListener('message', ({ data }) => resolve(data), { once: true });
      port1.start();
      this.#machine.postMessage({ action, ...facts }, [port2]);
    });
  }
}

function heldHere() {
  return knownSession()?.claims.refreshTokenHash1;
}
