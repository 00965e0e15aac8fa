import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { SessionModuleOptions } from '../../lib/index.js';
import { RevocationFeed } from '../../lib/revocation/revocation-feed.js';
import { describeOnEachDatabase } from '../support/components.js';
import { logIn, refreshTokenOf, useFleets, type Instance } from '../support/fleet.js';
import { StatementLog } from '../support/statement-log.js';
import { asksForNoRow } from '../support/table-scans.js';

const TEXT = readFileSync(join(import.meta.dirname, '../../docs/scaling.md'), 'utf8');

/** What the document says is sent, by what is done. */
const DOCUMENTED = new Map(
  TEXT.split('| what is done')[1]
    ?.split('\n\n')[0]
    ?.split('\n')
    .slice(2)
    .map((line) => line.replaceAll('`', '').split('|'))
    .map(([, deed = '', statements = '']) => [deed.trim(), statements.trim()]),
);

const TITLES = { sqlite: 'SQLite', postgres: 'PostgreSQL', mariadb: 'MariaDB' };

interface Deed {
  options?: SessionModuleOptions;
  /** What comes before, and what is counted. */
  prepare: (instance: Instance) => Promise<() => Promise<unknown>>;
}

const DEEDS: Readonly<Record<string, Deed>> = {
  'a guarded route': { prepare: (instance) => verification(instance, false) },
  'a guarded route with checkDatabase': { prepare: (instance) => verification(instance, true) },
  'a login': { prepare: async (instance) => () => logIn(instance) },
  'a login with maxSessionsPerUser': {
    options: { maxSessionsPerUser: 5 },
    prepare: async (instance) => () => logIn(instance),
  },
  'a refresh': {
    prepare: async (instance) => {
      const token = refreshTokenOf(await logIn(instance));
      return () => instance.sessions.refreshSessionWithoutRequestResponse(token);
    },
  },
  "the list of a user's sessions": {
    prepare:
      async ({ sessions }) =>
      () =>
        sessions.listSessions('bob'),
  },
  'the end of one session': {
    prepare: async (instance) => {
      const handle = (await logIn(instance)).getHandle();
      return () => instance.sessions.revokeSession(handle);
    },
  },
  'the end of all sessions of a user': {
    prepare: async (instance) => {
      for (let count = 0; count < 3; count += 1) await logIn(instance);
      return () => instance.sessions.revokeAllSessionsForUser('bob');
    },
  },
  'a poll of the feed': {
    prepare:
      async ({ app }) =>
      () =>
        app.get(RevocationFeed).poll(),
  },
};

async function verification(instance: Instance, checkDatabase: boolean) {
  const token = (await logIn(instance)).getAccessToken();
  const { sessions } = instance;
  return () => sessions.getSessionWithoutRequestResponse(token, undefined, { checkDatabase });
}

describeOnEachDatabase('what docs/scaling.md says is asked', (engine) => {
  const startFleet = useFleets(engine);

  it('is all that is listed here', () => {
    const deeds = [...DOCUMENTED.keys()].filter((deed) => !deed.endsWith(' on MariaDB'));
    expect(deeds).toEqual(Object.keys(DEEDS));
  });

  it.each(Object.entries(DEEDS))('is what is sent for %s', async (name, { options, prepare }) => {
    const log = new StatementLog();
    const { first } = await startFleet({
      // What asks in the background would be counted too.
      sessions: { ...options, revocation: { pollInterval: '1h', maxStaleness: false } },
      driver: { logging: true, logger: log },
    });
    const deed = await prepare(first);
    const from = log.length;
    await deed();
    const sent = log
      .since(from)
      .filter((each) => /\bauth_session(_revocation)?\b/.test(each.sql) && !asksForNoRow(each))
      .map(({ sql }) => sql.split(' ')[0]);
    const documented = DOCUMENTED.get(`${name} on ${TITLES[engine]}`) ?? DOCUMENTED.get(name);
    expect(sent.join(', ') || 'none').toBe(documented);
  });
});
