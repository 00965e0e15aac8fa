import { accessSync, constants } from 'node:fs';
import { afterAll, beforeAll, describe } from 'vitest';
import { type DatabaseEngine, type DatabaseServer, runOnServer, serverUrl } from './databases.js';
import { findNginx } from './nginx.js';
import { OwnServer } from './own-server.js';
import { absenceOfPostgresBinaries } from './replicated-postgres.js';

const ENGINES: readonly DatabaseEngine[] = ['sqlite', 'postgres', 'mariadb'];
const CHROMIUM_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const HEADLESS_SHELL_PATH = '/usr/bin/chromium-headless-shell';

const OWN_SERVER_STARTS_WITHIN_MS = 120_000;

const absences = await findAbsences();

/** The engines that answer: SQLite always, PostgreSQL and MariaDB where they run. */
export const engines: readonly DatabaseEngine[] = ENGINES.filter((engine) => !absences.has(engine));

/**
 * Runs a suite once for each engine. Where an engine is absent its suite is skipped under a title that says why.
 *
 * The suite is collected even where it is skipped: it may connect in hooks and tests only.
 */
export function describeOnEachDatabase(
  title: string,
  suite: (engine: DatabaseEngine) => void,
): void {
  for (const engine of ENGINES) {
    describeUnless(absences.get(engine), `${title} on ${engine}`, () => suite(engine));
  }
}

/** Runs a suite once for each engine that several instances of an application share. */
export function describeOnEachServer(title: string, suite: (engine: DatabaseServer) => void): void {
  for (const engine of ['postgres', 'mariadb'] as const) {
    describeUnless(absences.get(engine), `${title} on ${engine}`, () => suite(engine));
  }
}

/** The server of a suite, once its tests run. */
export type OwnServerOfSuite = () => OwnServer;

/**
 * Runs a suite that has a server of its own, and skips it where the server's programs are not installed.
 *
 * @param suite gets what starts the server before its tests and removes it after them
 */
export function describeWithOwnServer(
  kind: DatabaseServer,
  title: string,
  suite: (start: (settings?: readonly string[]) => OwnServerOfSuite) => void,
): void {
  const missing = OwnServer.missing(kind);
  const absence = missing.length > 0 ? `${missing.join(' and ')} not installed` : undefined;
  failInCi(absence);
  describeUnless(absence, `${title} on ${kind}`, () => suite((settings) => own(kind, settings)));
}

function own(kind: DatabaseServer, settings?: readonly string[]): OwnServerOfSuite {
  let server: OwnServer | undefined;
  beforeAll(async () => {
    server = await OwnServer.start(kind, settings);
  }, OWN_SERVER_STARTS_WITHIN_MS);
  afterAll(() => server?.remove());
  return () => {
    if (server === undefined) throw new Error('the server of the suite has not been started yet');
    return server;
  };
}

/** Runs a suite where PostgreSQL servers of the test's own can be started, and skips it under a title that says why not. */
export function describeWithPostgresReplica(title: string, suite: () => void): void {
  const absence = absenceOfPostgresBinaries();
  failInCi(absence);
  describeUnless(absence, title, suite);
}

/** Runs a suite where there is a Chromium, and skips it under a title that says so where there is none. */
export function describeInChromium(title: string, suite: () => void): void {
  const absence = findChromium() === undefined ? absenceOfChromium() : undefined;
  failInCi(absence);
  describeUnless(absence, title, suite);
}

/** Runs a suite where there is an nginx, and skips it under a title that says so where there is none. */
export function describeWithNginx(title: string, suite: () => void): void {
  const absence = findNginx() === undefined ? 'nginx is not installed' : undefined;
  failInCi(absence);
  describeUnless(absence, title, suite);
}

/** The executable to start. @throws {Error} where there is none */
export function chromiumPath(): string {
  const path = findChromium();
  if (path === undefined) throw new Error(absenceOfChromium());
  return path;
}

/**
 * The executable for pages that need nothing of a browser's own windows. Chromium's headless shell takes a third of the
 * time; where it is missing it is Chromium itself.
 *
 * @throws {Error} where there is neither
 */
export function pageBrowserPath(): string {
  const isAsked = process.env['TEST_CHROMIUM'] !== undefined;
  return !isAsked && isExecutable(HEADLESS_SHELL_PATH) ? HEADLESS_SHELL_PATH : chromiumPath();
}

function describeUnless(absence: string | undefined, title: string, suite: () => void): void {
  const note = absence === undefined ? '' : ` (skipped: ${absence})`;
  describe.skipIf(absence !== undefined)(`${title}${note}`, () => {
    suite();
  });
}

/** Why an engine can't be used here, by engine. */
async function findAbsences(): Promise<Map<DatabaseEngine, string>> {
  const found = new Map<DatabaseEngine, string>();
  for (const server of ['postgres', 'mariadb'] as const) {
    const absence = await absenceOf(server);
    failInCi(absence);
    if (absence !== undefined) found.set(server, absence);
  }
  return found;
}

async function absenceOf(server: DatabaseServer): Promise<string | undefined> {
  try {
    await runOnServer(server, 'SELECT 1');
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? error.message : typeof error;
    return `no ${server} answers at ${serverUrl(server).host}: ${reason}`;
  }
}

function findChromium(): string | undefined {
  const wanted = process.env['TEST_CHROMIUM'];
  return (wanted === undefined ? CHROMIUM_PATHS : [wanted]).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function absenceOfChromium(): string {
  return `no Chromium at ${process.env['TEST_CHROMIUM'] ?? CHROMIUM_PATHS.join(', ')}`;
}

// A suite that is skipped in CI is a suite that nobody misses.
function failInCi(absence: string | undefined): void {
  if (absence !== undefined && process.env['CI'] === 'true') {
    throw new Error(`${absence}. With CI=true every component must be there.`);
  }
}
