import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../support/components.js';
import { bootApp } from '../support/boot-app.js';
import { createTestDatabase } from '../support/databases.js';
import { SessionService } from '../../lib/index.js';
import { StatementLog } from '../support/statement-log.js';

describeOnEachDatabase('a refresh without a grace period', (engine) => {
  it('writes nothing before the cut-offs have been asked, where they have to be', async () => {
    const database = await createTestDatabase(engine);
    const log = new StatementLog();
    const options = { ...database.options, synchronize: true, logging: true, logger: log } as const;
    const booted = await bootApp({
      database: options,
      sessions: { refreshGracePeriod: 0, revocation: false },
    });
    try {
      const sessions = booted.app.get(SessionService);
      const session = await sessions.createNewSessionWithoutRequestResponse('public', 'ada');
      const { refreshToken = '' } = session.getAllSessionTokensDangerously();
      const before = log.length;
      await sessions.refreshSessionWithoutRequestResponse(refreshToken);
      const sent = log.since(before).map(({ sql }) => sql);
      const asked = sent.findIndex((sql) => /^SELECT.*auth_session_revocation/s.test(sql));
      const written = sent.findIndex((sql) => sql.startsWith('UPDATE'));
      expect(asked).toBeGreaterThanOrEqual(0);
      expect(written).toBeGreaterThan(asked);
    } finally {
      await booted.close();
      await database.drop();
    }
  });
});
