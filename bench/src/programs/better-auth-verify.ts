import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import BetterSqlite3 from 'better-sqlite3';
import { answerRuns } from '../operation.js';

answerRuns(async (cookieCache: boolean) => {
  const options = {
    baseURL: 'https://api.example.com',
    secret: 'a secret of the benchmark, of no use elsewhere',
    database: new BetterSqlite3(':memory:'),
    emailAndPassword: { enabled: true },
    // With it the session comes out of a signed cookie, and no query is made: the faster way.
    session: { cookieCache: { enabled: cookieCache, maxAge: 3600 } },
    telemetry: { enabled: false },
  };
  const auth = betterAuth(options);
  await (await getMigrations(options)).runMigrations();
  const body = { name: 'User', email: 'user@example.com', password: 'a long password' };
  const response = await auth.api.signUpEmail({ body, asResponse: true });
  const cookie = response.headers
    .getSetCookie()
    .map((line) => line.slice(0, line.indexOf(';')))
    .join('; ');
  return async () => {
    const session = await auth.api.getSession({ headers: new Headers({ cookie }) });
    if (session === null) throw new Error('no session');
  };
});
