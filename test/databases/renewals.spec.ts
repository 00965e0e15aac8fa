import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import { afterEach, expect, it, vi } from 'vitest';
import {
  CurrentSession,
  PrimitiveClaim,
  SessionService,
  VerifySession,
  type SessionContainer,
  type SessionFunctions,
} from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { RevocationStore } from '../../lib/store/revocation.store.js';
import { describeOnEachDatabase } from '../support/components.js';
import { refreshTokenOf, useFleets, type Fleet, type Instance } from '../support/fleet.js';
import { send, type Answer } from '../support/http-client.js';
import { tokensOf } from '../support/instances.js';
import { expectTokensUntouched } from '../support/refusal.js';
import { StatementLog } from '../support/statement-log.js';

const ROUNDS = 12;
const role = new PrimitiveClaim<string>({ key: 'role', fetchValue: () => 'admin' });

@Controller()
class RenewalController {
  constructor(private readonly sessions: SessionService) {}

  @Post('again')
  async again(
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<object> {
    const session = await this.sessions.reauthenticate(request, response, 'bob');
    return { handle: session.getHandle(), role: session.getClaimValue(role) };
  }

  @Get('me')
  @VerifySession()
  me(@CurrentSession() session: SessionContainer): object {
    return { role: session.getClaimValue(role) };
  }
}

const ENDS: readonly (readonly [
  string,
  (
    sessions: SessionFunctions & Pick<SessionService, 'revokeEverything'>,
    handle: string,
  ) => Promise<unknown>,
])[] = [
  ['is revoked', (sessions, handle) => sessions.revokeSession(handle)],
  ['is among all of its user’s', (sessions) => sessions.revokeAllSessionsForUser('bob')],
  ['is among its tenant’s', (sessions) => sessions.revokeAllSessionsOfTenant('public')],
  ['is among everybody’s', (sessions) => sessions.revokeEverything()],
];

describeOnEachDatabase('a session whose user proves again who they are', (engine) => {
  const startFleet = useFleets(engine);
  afterEach(() => vi.restoreAllMocks());
  const instances = engine === 'sqlite' ? 1 : 2;
  const start = (driver = {}): Promise<Fleet> =>
    startFleet({ instances, controllers: [RenewalController], driver });

  async function logInBob(fleet: Fleet) {
    const payload = role.addToPayload({}, 'admin', fleet.clock.now());
    const { sessions } = fleet.first;
    const session = await sessions.createNewSessionWithoutRequestResponse('public', 'bob', payload);
    fleet.clock.advanceMs(10);
    const cookie = `sAccessToken=${session.getAccessToken()}; sRefreshToken=${refreshTokenOf(session)}`;
    const again = (): Promise<Answer> =>
      send(`${fleet.first.url}/again`, 'POST', { headers: { cookie } });
    return { handle: session.getHandle(), again };
  }

  async function someTurns(): Promise<void> {
    const turns = Math.floor(Math.random() * 120);
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
  }

  async function isAlive({ app, sessions }: Instance, answer: Answer): Promise<boolean> {
    await app.get(RevocationFeed).poll();
    const tokens = tokensOf(answer);
    const tries = [
      sessions.getSessionWithoutRequestResponse(tokens.accessToken),
      sessions.refreshSessionWithoutRequestResponse(tokens.refreshToken),
    ];
    const said = await Promise.allSettled(tries);
    return said.some(({ status }) => status === 'fulfilled');
  }

  it.each(ENDS)('A4: leaves no session where it %s at the same time', async (_, end) => {
    const fleet = await start();
    const other = fleet.instances.at(-1) ?? fleet.first;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { handle, again } = await logInBob(fleet);
      const ending = someTurns().then(() => end(other.sessions, handle));
      const answer = await someTurns().then(again);
      const wasThere = await ending;
      expect([201, 401]).toContain(answer.status);
      // By its handle the session of before is not there any more, and its caller is told.
      const isKnownAsGone = wasThere === false;
      const asked = answer.status === 201 ? fleet.instances : [];
      for (const each of asked) expect(await isAlive(each, answer)).toBe(isKnownAsGone);
      fleet.clock.advanceMs(1_000);
    }
  });

  it('has the claims of that moment: who has taken a role in time has taken it, else is told', async () => {
    const fleet = await start();
    const other = fleet.instances.at(-1) ?? fleet.first;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { handle, again } = await logInBob(fleet);
      const taking = someTurns().then(() => other.sessions.setClaimValue(handle, role, 'nobody'));
      const answer = await someTurns().then(again);
      expect(answer.status).toBe(201);
      const held = (await taking) ? 'nobody' : 'admin';
      expect(answer.json).toMatchObject({ role: held });
      const { accessToken } = tokensOf(answer);
      const headers = { cookie: `sAccessToken=${accessToken}` };
      expect((await send(`${fleet.first.url}/me`, 'GET', { headers })).json).toEqual({
        role: held,
      });
      fleet.clock.advanceMs(1_000);
    }
  });

  it('leaves no session where everybody’s are revoked between its look and its commit, by a clock that goes on', async () => {
    const fleet = await start();
    const other = fleet.instances.at(-1) ?? fleet.first;
    const { again } = await logInBob(fleet);
    const { insert } = RevocationStore.prototype;
    let answer: Answer | undefined;
    vi.spyOn(RevocationStore.prototype, 'insert').mockImplementationOnce(async function (
      this: RevocationStore,
      lines,
    ) {
      expect(lines).toMatchObject([{ kind: 'cut-off', reason: 'revoked-everything' }]);
      // Its time is chosen, but nobody can read it yet.
      fleet.clock.advanceMs(20);
      answer = await again();
      fleet.clock.advanceMs(20);
      await insert.call(this, lines);
    });
    await other.sessions.revokeEverything();
    expect(answer?.status).toBe(201);
    if (answer === undefined) return;
    for (const each of fleet.instances) expect(await isAlive(each, answer)).toBe(false);
  });

  if (engine === 'sqlite') return;

  it('leaves no session where everybody’s are revoked in a caller’s transaction, by a clock that goes on', async () => {
    const fleet = await start();
    const other = fleet.instances.at(-1) ?? fleet.first;
    const { again } = await logInBob(fleet);
    const { insert } = RevocationStore.prototype;
    let answer: Answer | undefined;
    await other.dataSource.transaction(async (manager) => {
      vi.spyOn(RevocationStore.prototype, 'insert').mockImplementationOnce(async function (
        this: RevocationStore,
        lines,
      ) {
        await insert.call(this, lines);
        fleet.clock.advanceMs(20);
        answer = await again();
        fleet.clock.advanceMs(20);
      });
      await other.sessions.withManager(manager).revokeAllSessionsOfTenant('public');
    });
    expect(answer?.status).toBe(201);
    if (answer === undefined) return;
    for (const each of fleet.instances) expect(await isAlive(each, answer)).toBe(false);
  });

  /** Runs work in a transaction of the other instance, which is committed once the renewal waits for it. */
  async function inTime(
    fleet: Fleet,
    log: StatementLog,
    again: () => Promise<Answer>,
    work: (sessions: SessionFunctions) => Promise<unknown>,
  ): Promise<Answer> {
    const other = fleet.instances.at(-1) ?? fleet.first;
    let answer: Promise<Answer> | undefined;
    await other.dataSource.transaction(async (manager) => {
      await work(other.sessions.withManager(manager));
      const from = log.length;
      answer = again();
      const isTaking = /^DELETE FROM .*dataVersion/;
      await vi.waitUntil(() => log.since(from).some(({ sql }) => isTaking.test(sql)), 10_000);
    });
    if (answer === undefined) throw new Error('not asked');
    return answer;
  }

  it('waits for whoever has its row, and is 401 where that one has ended it', async () => {
    const log = new StatementLog();
    const fleet = await start({ logging: true, logger: log });
    for (const end of [
      (sessions: SessionFunctions) => sessions.revokeAllSessionsForUser('bob'),
      (sessions: SessionFunctions) => sessions.revokeAllSessionsOfTenant('public'),
    ]) {
      const { again } = await logInBob(fleet);
      const answer = await inTime(fleet, log, again, end);
      expect(answer.status).toBe(401);
      expectTokensUntouched(answer);
      expect(await fleet.first.sessions.getAllSessionHandlesForUser('bob')).toEqual([]);
      fleet.clock.advanceMs(1_000);
    }
  });

  it('waits for whoever changes its claims and data, and has both', async () => {
    const log = new StatementLog();
    const fleet = await start({ logging: true, logger: log });
    const { handle, again } = await logInBob(fleet);
    const answer = await inTime(fleet, log, again, async (sessions) => {
      await sessions.setClaimValue(handle, role, 'nobody');
      await sessions.updateSessionDataInDatabase(handle, { cart: 2 });
    });
    expect(answer.json).toMatchObject({ role: 'nobody' });
    const { handle: next } = answer.json as { handle: string };
    expect(await fleet.first.sessions.getSessionInformation(next)).toMatchObject({
      sessionDataInDatabase: { cart: 2 },
    });
  });
});
