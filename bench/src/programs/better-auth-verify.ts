import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import BetterSqlite3 from 'better-sqlite3';
import { FreshTexts } from '../fresh-text.js';
import { answerRuns } from '../operation.js';
import { onInputs } from '../operation-on-inputs.js';
import { SESSIONS } from '../request-inputs.js';

answerRuns(async (cookieCache: boolean) => {
  const options = {
    baseURL: 'https://api.example.com',
    secret: 'a secret of the benchmark, of no use elsewhere',
    database: new BetterSqlite3(':memory:'),
    emailAndPassword: {
      enabled: true,
      // The users are made up, and many: their passwords need no slow hash.
      password: { hash: (password: string) => Promise.resolve(password) },
    },
    // With it the session comes out of a signed cookie, and no query is made: the faster way.
    session: { cookieCache: { enabled: cookieCache, maxAge: 3600 } },
    telemetry: { enabled: false },
  };
  const auth = betterAuth(options);
  await (await getMigrations(options)).runMigrations();
  const cookies: string[] = [];
  for (let user = 0; user < SESSIONS; user += 1) {
    const body = { name: 'User', email: `user-${user}@example.com`, password: 'a long password' };
    const response = await auth.api.signUpEmail({ body, asResponse: true });
    const lines = response.headers.getSetCookie();
    cookies.push(lines.map((line) => line.slice(0, line.indexOf(';'))).join('; '));
  }
  const texts = new FreshTexts(cookies);
  return onInputs(
    () => new Headers({ cookie: texts.next() }),
    async (headers) => {
      const session = await auth.api.getSession({ headers });
      if (session === null) throw new Error('no session');
    },
  );
});
