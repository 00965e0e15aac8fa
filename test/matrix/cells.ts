import type { Cell } from './cell.js';

const NEST_11 = {
  cli: '11',
  node: '20',
  nest: '11',
  nestTypeorm: '11',
  typeorm: '0.3',
  module: 'commonjs',
  databases: ['sqljs'],
} satisfies Cell;

const NEST_12 = {
  cli: '12',
  node: '22',
  nest: '12',
  nestTypeorm: '12',
  typeorm: '1',
  module: 'esm',
  databases: ['sqljs'],
} satisfies Cell;

/** Six that have every fact of the others' at least once, but for single versions. */
export const mostOfTheFacts: readonly Cell[] = [
  { ...NEST_11, untouched: true, databases: ['sqljs', 'postgres', 'mariadb'] },
  { ...NEST_12, untouched: true, databases: ['sqljs', 'postgres', 'mariadb'] },
  { ...NEST_11, nest: '11.0.0', typeorm: '0.3.20', node: '20.19.0', compiler: 'node10' },
  { ...NEST_11, typeorm: '1', bundle: { by: 'webpack', ours: 'inside' } },
  { ...NEST_12, node: '24', platform: 'fastify', installer: 'pnpm' },
  { ...NEST_11, nest: '12', nestTypeorm: '12', node: '24', compiler: 'swc' },
];

export const otherCells: readonly Cell[] = [
  { ...NEST_11, bundle: { by: 'webpack', ours: 'outside' } },
  { ...NEST_11, bundle: { by: 'esbuild', ours: 'inside' } },
  { ...NEST_11, bundle: { by: 'esbuild', ours: 'outside' } },
  { ...NEST_11, platform: 'fastify', node: '22', databases: ['postgres', 'mariadb'] },
  { ...NEST_11, installer: 'pnpm', node: '24' },
  { ...NEST_11, typeorm: '1', databases: ['better-sqlite3', 'postgres', 'mariadb'] },
  { ...NEST_12, node: '20', typeorm: '0.3', databases: ['sqljs', 'postgres', 'mariadb'] },
  { ...NEST_12, node: '20.19.0', nest: '12.0.1', typeorm: '1.0.0' },
  { ...NEST_12, node: '24', untouched: true },
];
