import { afterEach, describe, expect, it } from 'vitest';
import { SessionEventBus, SessionService, type SessionModuleOptions } from '../../lib/index.js';
import { platforms } from '../support/boot-app.js';
import type { Answer } from '../support/http-client.js';
import { THEFT, UNAUTHORISED } from '../support/refusal.js';
import {
  accessCookie,
  bearer,
  holderOf,
  REFRESH_COOKIE,
  refreshCookie,
  Scene,
  type Holder,
} from '../support/scene.js';

describe.each(platforms)('a stolen refresh token on %s', (platform) => {
  let scene: Scene;
  let thefts: string[];
  afterEach(() => scene.close());

  async function open(sessions: SessionModuleOptions = {}): Promise<void> {
    scene = await Scene.open({ platform, sessions });
    thefts = [];
    const events = scene.booted.app.get(SessionEventBus);
    events.on('theftDetected', ({ sessionHandle }) => void thefts.push(sessionHandle));
  }

  /** Somebody whose first token is spent, and no answer to it can be under way any more. */
  async function whoMovedOn(userId: string): Promise<{ spent: string; now: Holder }> {
    const before = await scene.login(userId);
    const proof = before.antiCsrf === undefined ? {} : { 'anti-csrf': before.antiCsrf };
    const shown = { ...refreshCookie(before.refresh), ...proof };
    const now = holderOf(await scene.refresh(shown), before);
    await scene.get('/me', { ...accessCookie(now.access), 'anti-csrf': now.antiCsrf ?? '' });
    await scene.settle();
    await scene.advance(120_000);
    return { spent: before.refresh, now };
  }

  const bothIn = (...tokens: string[]) => ({
    cookie: tokens.map((token) => `${REFRESH_COOKIE}=${token}`).join('; '),
  });
  const outcomeOf = ({ status, json }: Answer) => ({ status, body: json });

  describe('beside a good one of the thief', () => {
    it.each([
      ['any', (spent: string, own: string) => ({ ...bearer(spent), ...refreshCookie(own) })],
      ['any', (spent: string, own: string) => ({ ...bearer(own), ...refreshCookie(spent) })],
      ['cookie', (spent: string, own: string) => bothIn(spent, own)],
      ['cookie', (spent: string, own: string) => bothIn(own, spent)],
    ] as const)('R1: ends its session, and is told of, with %s', async (method, headersOf) => {
      await open({ tokenTransferMethod: method });
      const victim = await whoMovedOn('victim');
      const thief = await scene.login('thief');
      const answer = await scene.refresh(headersOf(victim.spent, thief.refresh));
      expect(answer.status).toBe(200);
      expect(answer.headers['front-token']).toBeDefined();
      expect(await scene.sessionRow(thief.handle)).toMatchObject({ generation: 1 });
      expect(thefts).toEqual([victim.now.handle]);
      expect(await scene.sessionRow(victim.now.handle)).toBeNull();
      const detail = 'presented generation 0, current 1';
      const explained = await scene.booted.app.get(SessionService).explain(victim.now.handle);
      expect(explained).toMatchObject({ reason: 'token-theft', detail });
    });

    it('R1: ends its session where the good one is one too many', async () => {
      await open({ tokenTransferMethod: 'cookie' });
      const victim = await whoMovedOn('victim');
      const own = [await scene.login('thief'), await scene.login('thief')];
      const tokens = own.map(({ refresh }) => refresh);
      const answer = await scene.refresh(bothIn(victim.spent, ...tokens));
      expect(outcomeOf(answer)).toEqual(UNAUTHORISED);
      expect(thefts).toEqual([victim.now.handle]);
    });
  });

  it('R1: ends its session beside one whose session is over, and is answered as theft', async () => {
    await open();
    const victim = await whoMovedOn('victim');
    const thief = await scene.login('thief');
    await scene.booted.app.get(SessionService).revokeSession(thief.handle);
    const headers = { ...bearer(thief.refresh), ...refreshCookie(victim.spent) };
    expect(outcomeOf(await scene.refresh(headers))).toEqual(THEFT);
    expect(thefts).toEqual([victim.now.handle]);
  });

  it('R1: ends each session of several that are shown at once', async () => {
    await open({ tokenTransferMethod: 'cookie' });
    const one = await whoMovedOn('one');
    const other = await whoMovedOn('other');
    expect(outcomeOf(await scene.refresh(bothIn(one.spent, other.spent)))).toEqual(THEFT);
    expect(thefts.toSorted()).toEqual([one.now.handle, other.now.handle].toSorted());
  });

  it('ends nothing with VIA_TOKEN, unless a page of the application sent it', async () => {
    await open({ antiCsrf: 'VIA_TOKEN', tokenTransferMethod: 'cookie' });
    const victim = await whoMovedOn('victim');
    const own = await scene.login('thief');
    const headers = bothIn(victim.spent, own.refresh);
    expect(outcomeOf(await scene.refresh(headers))).toEqual(UNAUTHORISED);
    expect(thefts).toEqual([]);
    const proven = { ...headers, 'anti-csrf': own.antiCsrf ?? '' };
    expect((await scene.refresh(proven)).status).toBe(200);
    expect(thefts).toEqual([victim.now.handle]);
  });

  it('R1: ends its session with VIA_TOKEN beside a good token in a header', async () => {
    await open({ antiCsrf: 'VIA_TOKEN' });
    const victim = await whoMovedOn('victim');
    const own = await scene.login('thief');
    const headers = { ...bearer(own.refresh), ...refreshCookie(victim.spent) };
    expect((await scene.refresh(headers)).status).toBe(200);
    expect(thefts).toEqual([victim.now.handle]);
    expect(await scene.sessionRow(victim.now.handle)).toBeNull();
  });

  it('is none where the newer token of its session waits while its user acts as somebody else', async () => {
    await open({ tokenTransferMethod: 'cookie' });
    const { spent, now } = await whoMovedOn('admin');
    const other = await scene.login('ada');
    const { cookie } = bothIn(spent, other.refresh);
    const headers = { cookie: `${cookie}; ${REFRESH_COOKIE}-actor=${now.refresh}` };
    const answer = await scene.refresh(headers);
    expect([answer.status, holderOf(answer).userId]).toEqual([200, 'ada']);
    const alone = { cookie: `${REFRESH_COOKIE}=${spent}; ${REFRESH_COOKIE}-actor=${now.refresh}` };
    expect(outcomeOf(await scene.refresh(alone))).toEqual(UNAUTHORISED);
    expect(thefts).toEqual([]);
    expect(await scene.sessionRow(now.handle)).not.toBeNull();
  });

  it('is none where the newer token of its session is shown too, in whatever place', async () => {
    await open();
    const { spent, now } = await whoMovedOn('owner');
    const other = await scene.login('other');
    const headers = { ...bearer(spent), ...bothIn(now.refresh, other.refresh) };
    expect(outcomeOf(await scene.refresh(headers))).toEqual(UNAUTHORISED);
    expect(thefts).toEqual([]);
    expect(await scene.sessionRow(now.handle)).not.toBeNull();
  });
});
