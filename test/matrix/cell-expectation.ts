import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { createTestDatabase } from '../support/databases.js';
import { Application } from './application.js';
import { type Cell, type CellDatabase, titleOf } from './cell.js';
import { isOfVersion } from './node-version.js';
import { RunningApplication } from './running-application.js';
import { TimedSteps } from './timed-steps.js';
import { walk } from './walk.js';

/** Makes the application of a cell, checks that it is what the cell states, and uses it as its users and developers do. */
export async function expectCellToWork(
  cell: Cell,
  workshop: string,
  tarball: string,
): Promise<void> {
  const folder = await mkdtemp(join(workshop, 'cell-'));
  const steps = new TimedSteps(titleOf(cell));
  const application = await steps.take('write', () => Application.write(cell, workshop, folder));
  await steps.take('install', () => application.install(tarball));
  await expectVersions(cell, application);
  await steps.take('compile', () => application.compile());
  for (const database of cell.databases) {
    await steps.take(database, () => useOn(database, cell, application));
  }
  await steps.take('own tests', () => application.test());
  steps.print();
  await rm(folder, { recursive: true, force: true });
}

async function expectVersions(cell: Cell, application: Application): Promise<void> {
  const stated = {
    '@nestjs/common': cell.nest,
    '@nestjs/core': cell.nest,
    '@nestjs/typeorm': cell.nestTypeorm,
    typeorm: cell.typeorm,
  };
  for (const [name, version] of Object.entries(stated)) {
    const installed = await application.versionOf(name);
    expect(isOfVersion(installed, version), `${name} is ${installed}, not ${version}`).toBe(true);
  }
}

async function useOn(engine: CellDatabase, cell: Cell, application: Application): Promise<void> {
  const database =
    engine === 'postgres' || engine === 'mariadb' ? await createTestDatabase(engine) : undefined;
  const url =
    database !== undefined && 'url' in database.options ? database.options.url : undefined;
  const running = await RunningApplication.start(application.folder, application.program, {
    ...application.env,
    ...(url === undefined ? {} : { DATABASE_URL: url }),
  });
  try {
    const runtime = (await (await fetch(`${running.url}/runtime`)).json()) as { node: string };
    expect(runtime).toMatchObject({ module: cell.module, database: engine });
    expect(isOfVersion(runtime.node, cell.node), `Node is ${runtime.node}`).toBe(true);
    await walk(running.url);
  } catch (error) {
    throw new Error(`on ${engine}; the application printed:\n${running.output.slice(-4_000)}`, {
      cause: error,
    });
  } finally {
    await running.stop();
    await database?.drop();
  }
}
