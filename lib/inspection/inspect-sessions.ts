import type { INestApplication, INestApplicationContext, Type } from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';
import type { Server } from 'node:net';
import type { Flaw, FindingCode } from '../errors/flaw.js';
import { SessionStoreUnavailableException } from '../errors/session-store-unavailable.exception.js';
import { CookiePaths } from '../http/routes/cookie-paths.js';
import { HandlerSurvey } from '../http/routes/handler-survey.js';
import { RefreshRoute } from '../http/routes/refresh-route.js';
import { SetupWarnings } from '../http/setup-warnings.js';
import { SessionGuard } from '../http/verify/session.guard.js';
import { cookieFlaws } from '../options/cookie-flaws.js';
import { encryptionFlaws } from '../options/encryption-flaws.js';
import { findPart, type SessionKind } from '../options/kind.js';
import {
  RESOLVED_SESSION_OPTIONS,
  type ResolvedSessionOptions,
  type ResolvedVerificationOptions,
} from '../options/resolved-options.js';
import { ClockCorrection } from '../store/clock-correction.js';
import { RevocationFeed } from '../revocation/revocation-feed.js';
import { charsetFlaw, orderFlaw, schemaFlaw } from '../store/check-schema.js';
import { indexFlaw } from '../store/missing-indexes.js';
import { poolFlaw } from '../store/pool-flaw.js';
import { SessionDatabase } from '../store/session-database.js';
import { SigningKeyStore } from '../store/signing-key.store.js';
import { statementLoggingFlaw } from '../store/statement-logging-flaw.js';
import { Clock } from '../time/clock.js';
import { corsFlaw } from './cors-flaw.js';
import { DOCUMENTATION } from './documentation.js';
import { keysFlaw } from './keys-flaw.js';
import { START_FLAWS, type StartFlaws } from './start-flaws.js';
import { clockFlaw, feedFlaw } from './time-flaws.js';

/** A flaw in the setup of sessions. @publicApi */
export interface Finding {
  code: FindingCode;
  /** The problem. It names options, tables and handlers, never a secret value. */
  cause: string;
  /** The solution. */
  cure: string;
  /** The part of the documents with more. */
  link: string;
  /** The kind of the sessions, if they have one. */
  kind?: string;
}

type Check = () => Flaw | readonly Flaw[] | undefined | Promise<Flaw | undefined>;

const PAGES: Readonly<Record<FindingCode, string>> = {
  'database-unreachable': 'operations.md#when-the-database-is-away',
  'data-source': 'operations.md#at-the-start',
  tables: 'operations.md#tables-and-migrations',
  charsets: 'operations.md#at-the-start',
  indexes: 'operations.md#tables-and-migrations',
  'pool-size': 'operations.md#when-the-database-is-away',
  'statement-logging': 'operations.md#logging-requests',
  'encryption-key': 'operations.md#keys',
  'encryption-key-migration': 'operations.md#adding-encryptionkey-to-a-running-deployment',
  'keys-unreadable': 'operations.md#keys-at-rest',
  clock: 'operations.md#several-instances',
  feed: 'operations.md#when-the-database-is-away',
  'cookie-domain': 'frontend.md#page-and-api-on-two-origins-of-one-site',
  'cookie-same-site': 'frontend.md#page-and-api-on-two-sites',
  'cookie-path': 'options.md#cookies-and-headers',
  'plain-http': 'operations.md#behind-a-proxy',
  cors: 'frontend.md#page-and-api-on-two-origins-of-one-site',
  kinds: 'sessions-of-a-user.md#staff-and-customers',
  claims: 'claims.md#claims-that-are-fetched',
  decorators: 'guarding.md#from-the-class-to-the-handler',
  gateways: 'live.md#gateways',
  'unguarded-handler': 'situations.md#a-guard-for-the-whole-application',
  'refused-message': 'guarding.md#messages-of-microservices',
  'unanswered-login': 'graphql.md',
  'entity-answered': 'situations.md#what-a-login-answers',
  'hidden-host': 'operations.md#behind-a-proxy',
  'cross-site': 'frontend.md#page-and-api-on-two-sites',
  'stray-cookie': 'situations.md#several-applications-on-one-host',
  'two-sessions': 'frontend.md#changing-the-domain-later',
};

/**
 * Finds what is wrong with the setup of an application's sessions. It repeats the checks of the start and adds more:
 * tables, indexes and charsets, the encryption key and the keys under it, clocks, the feed of revocations, and the pool.
 * It also checks cookies and CORS against `trustedOrigins`, handlers without a guard, and what requests have shown since
 * the start. In a service with `SessionVerifierModule` it looks only at handlers without a guard and at what requests have
 * shown. It changes nothing, and never throws because the database is away.
 *
 * To test CORS, pass an application that listens. If the start itself fails, pass one that has not been initialized.
 *
 * @returns an empty list if nothing is wrong
 * @publicApi
 */
export async function inspectSessions(app: INestApplicationContext): Promise<readonly Finding[]> {
  const modules = [...app.get(ModulesContainer, { strict: false }).values()];
  const found: Finding[] = [];
  for (const { providers } of modules) {
    if (findPart(providers, START_FLAWS)) found.push(...(await inspectModule(providers, app)));
    else if (findPart(providers, HandlerSurvey)) found.push(...inspectService(providers, app));
  }
  return found.filter(
    (each, index) => found.findIndex(({ cause }) => cause === each.cause) === index,
  );
}

// A module that only verifies sessions: it has no database, and no routes or cookies of its own.
function inspectService(providers: Module['providers'], app: INestApplicationContext): Finding[] {
  const part = <T>(token: symbol | Type<T>): T => findPart(providers, token) as T;
  const { kind } = part<ResolvedVerificationOptions>(RESOLVED_SESSION_OPTIONS);
  const openings = part(HandlerSurvey).openings(areMessagesApart(app));
  return [...openings, ...part(SetupWarnings).flaws].map((flaw) => findingOf(flaw, kind));
}

async function inspectModule(
  providers: Module['providers'],
  app: INestApplicationContext,
): Promise<Finding[]> {
  const part = <T>(token: symbol | Type<T>): T => findPart(providers, token) as T;
  const options = part<ResolvedSessionOptions>(RESOLVED_SESSION_OPTIONS);
  const database = part(SessionDatabase);
  const { path } = part(RefreshRoute);
  const flaws: Flaw[] = [];
  const run = async (checks: readonly Check[]): Promise<void> => {
    for (const check of checks) flaws.push(...[(await check()) ?? []].flat());
  };
  await run([
    () => encryptionFlaws(options, process.env['NODE_ENV'] === 'production'),
    () => cookieFlaws(options),
    () => part(CookiePaths).flaws(),
    () => corsFlaw(serverOf(app), options.trustedOrigins, `/${path}`),
    () => part<StartFlaws>(START_FLAWS).flaws(),
    () => part<StartFlaws>(START_FLAWS).serverFlaw(),
    () => part(HandlerSurvey).openings(areMessagesApart(app)),
    () =>
      areMessagesRefused(app)
        ? part(HandlerSurvey).guardedMessages(options.kind, true).map(refusedMessage)
        : undefined,
    () => part(SetupWarnings).flaws,
  ]);
  try {
    const schema = await schemaFlaw(database);
    if (schema !== undefined) flaws.push(schema);
    else {
      await run([
        () => orderFlaw(database),
        () => charsetFlaw(database),
        () => indexFlaw(database),
        () => poolFlaw(database),
        () => statementLoggingFlaw(database),
        () => keysFlaw(part(SigningKeyStore), options),
        () => clockFlaw(part(Clock), part(ClockCorrection)),
        () => feedFlaw(part(RevocationFeed), options),
      ]);
    }
  } catch (error) {
    if (!(error instanceof SessionStoreUnavailableException)) throw error;
    flaws.push({
      code: 'database-unreachable',
      cause: 'The database does not answer, so it could not be checked.',
      cure: 'Check the log of the database, and the address in the options of the data source.',
    });
  }
  return flaws.map((flaw) => findingOf(flaw, options.kind));
}

function findingOf({ code, cause, cure }: Flaw, kind: SessionKind): Finding {
  const link = `${DOCUMENTATION}/${PAGES[code]}`;
  return { code, cause, cure, link, ...(kind === undefined ? {} : { kind }) };
}

function serverOf(app: INestApplicationContext): Server | undefined {
  const { httpAdapter } = app.get(HttpAdapterHost, { strict: false }) as Partial<HttpAdapterHost>;
  return httpAdapter?.getHttpServer() as Server | undefined;
}

function refusedMessage(handler: string): Flaw {
  return {
    code: 'refused-message',
    cause: `${handler} answers no message: the guard of the application (APP_GUARD) looks for the session of a request.`,
    cure: 'Open it with @PublicAccess(), and verify a token by hand.',
  };
}

// A microservice of an application may have a configuration of its own, and so no guard of the application.
function areMessagesApart(app: INestApplicationContext): boolean {
  const own = app.get(ApplicationConfig, { strict: false });
  return configsOfMicroservices(app).some((each) => each !== own);
}

function areMessagesRefused(app: INestApplicationContext): boolean {
  const own = app.get(ApplicationConfig, { strict: false });
  const guards = own.getGlobalGuards().filter((each) => each instanceof SessionGuard);
  const isRefusing = guards.length > 0 && !guards.some((each) => each.findsInItsOwnWay);
  return isRefusing && configsOfMicroservices(app).includes(own);
}

// Nest shows these configurations nowhere, so this reads a private field.
function configsOfMicroservices(app: INestApplicationContext): ApplicationConfig[] {
  const microservices = (app as Partial<INestApplication>).getMicroservices?.() ?? [];
  const configs = microservices.map((each): unknown => Reflect.get(each, 'applicationConfig'));
  return configs.filter((each) => each instanceof ApplicationConfig);
}
