import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Holder } from '../scene.js';
import type { Chance } from './chance.js';
import type { Delivery } from './delivery.js';
import { holderOfRaw, type RawAnswer } from './raw-answer.js';
import type { Surroundings } from './surroundings.js';
import { bytesOf, goodRequest, REFRESH, request, type Target } from './wire-request.js';

const LONGEST_WAIT_MS = 10_000;
/** What the life of an honest client may tell of. */
const LAWFUL = /^(created|refreshed|repeated) /;

/** An honest client that goes away while its session is being refreshed, and comes back with what it has. */
export class LostRefresh {
  constructor(
    private readonly delivery: Delivery,
    private readonly surroundings: Surroundings,
    private readonly target: Target,
  ) {}

  /** What went wrong; `undefined` where its session goes on and nothing was said of theft. */
  async play(chance: Chance): Promise<string | undefined> {
    this.surroundings.begin();
    const { connection } = this.delivery;
    const login = request('', 'POST', '/login', [], ['application/json', '{"userId":"traveller"}']);
    const holder = holderOfRaw(await connection.send('POST', bytesOf(login)));
    const left = await this.leave(chance, holder);
    if (left !== undefined) return left;
    const again = await this.send('POST', REFRESH, holder);
    if (again.status !== 200) return `the same refresh again got ${again.status}`;
    const next = holderOfRaw(again, holder);
    const me = await this.send('GET', '/me', next);
    if (me.status !== 200) return `the access token of the same refresh got ${me.status}`;
    const later = await this.send('POST', REFRESH, next);
    if (later.status !== 200) return `the refresh after it got ${later.status}`;
    return this.surroundings.judgeLawful(LAWFUL);
  }

  private async leave(chance: Chance, holder: Holder): Promise<string | undefined> {
    const { connection, server } = this.delivery;
    connection.close();
    const bytes = goodRequest({ method: 'POST', path: REFRESH }, this.target, holder);
    const by = chance.pick(['half-close', 'close', 'reset'] as const);
    const turnsOfTheLoop = chance.below(8);
    const isWhole = chance.below(4) > 0;
    const after = isWhole ? bytes.length : chance.below(bytes.length);
    const ready = isWhole && chance.below(2) === 0 ? server.nextRequest() : undefined;
    const sent = bytes.subarray(0, after);
    const requests = server.requestsOfNext();
    await connection.abandon('POST', sent, { by, turnsOfTheLoop }, ready);
    if (!(await this.delivery.isLeftAlone())) return 'the server keeps a connection';
    // A reset may take away what the server has not read yet.
    return (await requests) === 0 || (await this.isRefreshed())
      ? undefined
      : 'the refresh of a client that left never came to an end';
  }

  private async isRefreshed(): Promise<boolean> {
    const deadline = performance.now() + LONGEST_WAIT_MS;
    while (!this.surroundings.told.some((event) => event.startsWith('refreshed '))) {
      if (performance.now() > deadline) return false;
      await nextTurn();
    }
    return true;
  }

  private send(method: string, path: string, holder: Holder): Promise<RawAnswer> {
    const bytes = goodRequest({ method, path }, this.target, holder);
    return this.delivery.connection.send(method, bytes);
  }
}
