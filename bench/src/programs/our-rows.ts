import { SessionService, type SessionContainer } from 'nestjs-auth-sessions';
// No part of the package's surface: the benchmark prunes when it wants to.
import { SessionPruner } from '../../node_modules/nestjs-auth-sessions/dist/session/end/session-pruner.js';
import type { DatabasePlace } from '../databases.js';
import { answerRuns, type Operation } from '../operation.js';
import { startOurs } from '../our-application.js';
import { KNOWN_SESSIONS, pastTimes, someUser, type RowsOperation } from '../rows/many-rows.js';

let pruner: SessionPruner;

answerRuns(
  async (place: DatabasePlace, what: RowsOperation, users: number): Promise<Operation> => {
    const app = await startOurs(place, { refreshGracePeriod: 0, pruning: false });
    const sessions = app.get(SessionService);
    pruner = app.get(SessionPruner);
    const logIn = (userId: string) =>
      sessions.createNewSessionWithoutRequestResponse('public', userId);
    switch (what) {
      case 'create':
        return () => logIn(someUser(users));
      case 'verify': {
        const tokens = (await known(logIn)).map((session) => session.getAccessToken());
        const options = { checkDatabase: true };
        return inTurn(tokens, (token) =>
          sessions.getSessionWithoutRequestResponse(token, undefined, options),
        );
      }
      case 'refresh': {
        const tokens = (await known(logIn)).map(refreshTokenOf);
        return inTurn(tokens, async (token, index) => {
          const refreshed = await sessions.refreshSessionWithoutRequestResponse(token);
          tokens[index] = refreshTokenOf(refreshed);
        });
      }
      case 'list':
        return () => sessions.listSessions(someUser(users));
      case 'login and revoke-all':
        return async () => {
          const userId = `${someUser(users)}-new`;
          await logIn(userId);
          await sessions.revokeAllSessionsForUser(userId);
        };
    }
  },
  {
    /** @returns how many sessions in how many batches, and how long it took, in all and for the longest one */
    prune: async () => {
      const { expirer } = pruner as unknown as { expirer: Batches };
      const endExpired = expirer.endExpired.bind(expirer);
      let longestMs = 0;
      let batches = 0;
      expirer.endExpired = async (...parameters) => {
        const begunAt = performance.now();
        const ended = await endExpired(...parameters);
        batches += 1;
        longestMs = Math.max(longestMs, performance.now() - begunAt);
        return ended;
      };
      const begunAt = performance.now();
      const pruned = await pruner.prune();
      expirer.endExpired = endExpired;
      return { pruned, batches, wallMs: performance.now() - begunAt, longestMs };
    },
  },
);

interface Batches {
  endExpired: (...parameters: unknown[]) => Promise<unknown>;
}

/** Sessions that were created over the last month, so that their rows lie among all the others. */
async function known(logIn: (userId: string) => Promise<SessionContainer>) {
  const sessions: SessionContainer[] = [];
  const now = Date.now;
  for (const [index, atMs] of pastTimes(KNOWN_SESSIONS).entries()) {
    // A login reads the time before it first waits.
    Date.now = () => atMs;
    const created = logIn(`known-${index}`);
    Date.now = now;
    sessions.push(await created);
  }
  return sessions;
}

function inTurn<T>(items: readonly T[], work: (item: T, index: number) => unknown): Operation {
  let turn = 0;
  return () => {
    turn = (turn + 1) % items.length;
    return work(items[turn] as T, turn);
  };
}

function refreshTokenOf(session: SessionContainer): string {
  return session.getAllSessionTokensDangerously().refreshToken ?? '';
}
