import { SessionService, type SessionModuleOptions } from 'nestjs-auth-sessions';
import type { DatabasePlace } from '../databases.js';
import { answerRuns, type Operation } from '../operation.js';
import { startOurs } from '../our-application.js';

// With a grace period each session could rotate only once in a while: without one every use does.
const EVERY_USE_ROTATES: SessionModuleOptions = { refreshGracePeriod: 0 };

let users = 0;

answerRuns(
  async (place: DatabasePlace, what: 'create' | 'refresh' | 'contended refresh', lanes: number) => {
    const app = await startOurs(place, what === 'refresh' ? EVERY_USE_ROTATES : {});
    const sessions = app.get(SessionService);
    if (what === 'create') return () => create(sessions);
    return what === 'refresh'
      ? prepareRefresh(sessions, lanes)
      : () => refreshAtOnce(sessions, lanes);
  },
);

function create(sessions: SessionService) {
  users += 1;
  return sessions.createNewSessionWithoutRequestResponse('public', `user-${users % 1000}`);
}

async function prepareRefresh(sessions: SessionService, lanes: number): Promise<Operation> {
  const current: string[] = [];
  for (let lane = 0; lane < lanes; lane += 1) {
    current.push(refreshTokenOf(await create(sessions)));
  }
  return async (lane) => {
    const session = await sessions.refreshSessionWithoutRequestResponse(current[lane] ?? '');
    current[lane] = refreshTokenOf(session);
  };
}

// A login, and then many tabs that refresh its token at once: one rotates, the others get siblings.
async function refreshAtOnce(sessions: SessionService, tabs: number): Promise<void> {
  const token = refreshTokenOf(await create(sessions));
  await Promise.all(
    Array.from({ length: tabs }, () => sessions.refreshSessionWithoutRequestResponse(token)),
  );
}

function refreshTokenOf(session: Awaited<ReturnType<typeof create>>): string {
  return session.getAllSessionTokensDangerously().refreshToken ?? '';
}
