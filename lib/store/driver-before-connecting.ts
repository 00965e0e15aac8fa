import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModuleRef } from '@nestjs/core';
import { dialectFor } from './dialect/dialects.js';

// The token under which @nestjs/typeorm keeps the options of `forRoot`; it exports no name for it.
const TYPEORM_OPTIONS = 'TypeOrmModuleOptions';

/**
 * Refuses a driver that can't keep sessions before TypeORM does. TypeORM would first connect, ten times over, and then
 * report one of our columns. The options of a `forRoot` exist from the beginning, and those of a `forRootAsync` usually
 * one turn later. A driver unknown by then is refused once it is connected.
 *
 * @param dataSource the name of the sessions' data source
 * @throws {SessionConfigurationError}
 */
export async function checkDriver(modules: ModuleRef, dataSource: string): Promise<void> {
  refuseUnsupported(modules, dataSource);
  await nextTurn();
  refuseUnsupported(modules, dataSource);
}

function refuseUnsupported(modules: ModuleRef, dataSource: string): void {
  const drivers = optionsIn(modules)
    .filter(({ name = DEFAULT_NAME }) => name === dataSource)
    .map(({ type }) => type);
  // The options of a `forRootAsync` may lack their name, so with several data sources, any may be the sessions'.
  if (drivers.length === 1) drivers.forEach(dialectFor);
}

const DEFAULT_NAME = 'default';

function optionsIn(modules: ModuleRef): { name?: string; type: string }[] {
  try {
    return modules
      .get<unknown>(TYPEORM_OPTIONS, { strict: false, each: true })
      .filter((each): each is { name?: string; type: string } => isOptions(each));
  } catch {
    // The data source is made elsewhere.
    return [];
  }
}

function isOptions(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
  );
}
