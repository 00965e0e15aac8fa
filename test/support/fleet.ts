import type { Type } from '@nestjs/common';
import { afterEach } from 'vitest';
import {
  SessionEventBus,
  SessionService,
  type SessionContainer,
  type SessionEventName,
} from '../../lib/index.js';
import { FakeClock } from '../../lib/testing/index.js';
import { bootApp, type BootedApp, type BootOptions } from './boot-app.js';
import {
  createTestDatabase,
  type DatabaseEngine,
  type TestDatabase,
  type TestDatabaseOptions,
} from './databases.js';

/** One instance of an application, and what a test asks of it. */
export interface Instance extends BootedApp {
  sessions: SessionService;
  /** The names of the session events since it started. */
  events: SessionEventName[];
}

export interface FleetOptions {
  instances?: number;
  sessions?: BootOptions['sessions'];
  controllers?: Type[];
  /** More options of the driver, such as the size of its pool. */
  driver?: object;
  /** Where it is not simply an empty one. */
  database?: TestDatabase;
}

/** A database that each instance of a fleet reaches in a way of its own. */
export interface SpreadDatabase extends TestDatabase {
  /** How the instance of a number, which counts from 0, reaches it. */
  optionsAt?(index: number): TestDatabaseOptions;
}

/** Instances of one application on one database, all by one clock. */
export interface Fleet {
  database: TestDatabase;
  clock: FakeClock;
  instances: Instance[];
  /** The first instance. */
  first: Instance;
  /** Starts another instance, by default like the first; through another port where one is given. */
  join(sessions?: BootOptions['sessions'], way?: { port: number }): Promise<Instance>;
}

const EVENTS: readonly SessionEventName[] = [
  'created',
  'refreshed',
  'repeated',
  'theftDetected',
  'revoked',
];

/**
 * Gives a suite a function that starts fleets, and stops them after each test.
 *
 * @param engine on which it makes a database for each fleet; or what makes one
 * @param afterwards when to stop them instead: `afterAll` where tests run at the same time
 */
export function useFleets(
  engine: DatabaseEngine | (() => Promise<SpreadDatabase>),
  afterwards: (work: () => Promise<void>) => void = afterEach,
): (options?: FleetOptions) => Promise<Fleet> {
  const undo: (() => Promise<void>)[] = [];
  afterwards(async () => {
    for (const step of undo.splice(0).toReversed()) await step();
  });

  return async (options = {}) => {
    const database: SpreadDatabase =
      options.database ??
      (typeof engine === 'string' ? await createTestDatabase(engine) : await engine());
    undo.push(() => database.drop());
    const clock = new FakeClock();
    const instances: Instance[] = [];

    const join: Fleet['join'] = async (sessions = options.sessions, way) => {
      const ownOptions = database.optionsAt?.(instances.length) ?? database.options;
      const booted = await bootApp({
        clock,
        // Only the first creates the tables: two at once would race, as they would in production.
        database: {
          ...throughPort(ownOptions, way?.port),
          synchronize: instances.length === 0,
          ...options.driver,
        } as NonNullable<Parameters<typeof bootApp>[0]>['database'] & object,
        ...(sessions === undefined ? {} : { sessions }),
        controllers: options.controllers ?? [],
      });
      undo.push(() => booted.close());
      const instance = { ...booted, sessions: booted.app.get(SessionService), events: [] };
      record(booted.app.get(SessionEventBus), instance.events);
      instances.push(instance);
      return instance;
    };
    const first = await join();
    for (let count = 1; count < (options.instances ?? 1); count += 1) await join();
    return { database, clock, instances, first, join };
  };
}

function throughPort(options: TestDatabaseOptions, port: number | undefined): TestDatabaseOptions {
  if (port === undefined || options.type === 'better-sqlite3') return options;
  const url = new URL(options.url ?? '');
  url.port = String(port);
  return { ...options, url: url.href };
}

/** Logs somebody in. */
export function logIn(
  { sessions }: { sessions: Pick<SessionService, 'createNewSessionWithoutRequestResponse'> },
  userId = 'bob',
): Promise<SessionContainer> {
  return sessions.createNewSessionWithoutRequestResponse('public', userId);
}

/** The refresh token of a session that has just been created or refreshed. */
export function refreshTokenOf(session: SessionContainer): string {
  const { refreshToken } = session.getAllSessionTokensDangerously();
  if (refreshToken === undefined) throw new Error('the answer brought no refresh token');
  return refreshToken;
}

function record(bus: SessionEventBus, events: SessionEventName[]): void {
  for (const name of EVENTS) bus.on(name, () => void events.push(name));
}
