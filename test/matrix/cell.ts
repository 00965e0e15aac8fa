/** One application: what it is made of, and nothing about how it is made. A version such as '11' stands for the newest 11. */
export interface Cell {
  /** Whose `nest new` it begins with: 11 writes CommonJS and Jest, 12 writes ESM and Vitest. */
  readonly cli: '11' | '12';
  /** Leaves what `nest new` wrote as it is, but for the module. Others drop the tools that they don't use. */
  readonly untouched?: true;
  readonly node: string;
  readonly nest: string;
  readonly nestTypeorm: string;
  readonly typeorm: string;
  readonly module: 'commonjs' | 'esm';
  readonly compiler?: 'swc' | 'node10';
  /** Everything goes into one file, but for the drivers; `ours` says where this package is. */
  readonly bundle?: { readonly by: 'webpack' | 'esbuild'; readonly ours: 'inside' | 'outside' };
  readonly platform?: 'fastify';
  readonly installer?: 'pnpm';
  readonly databases: readonly CellDatabase[];
}

export type CellDatabase = 'sqljs' | 'better-sqlite3' | 'postgres' | 'mariadb';

/** The facts of a cell, in one line. */
export function titleOf(cell: Cell): string {
  const tool = cell.compiler ?? (cell.bundle === undefined ? 'tsc' : cell.bundle.by);
  return [
    `Nest ${cell.nest}`,
    `@nestjs/typeorm ${cell.nestTypeorm}`,
    `TypeORM ${cell.typeorm}`,
    `Node ${cell.node}`,
    cell.module,
    cell.bundle === undefined ? tool : `${tool} with the package ${cell.bundle.ours}`,
    cell.platform ?? 'express',
    cell.installer ?? 'npm',
    `CLI ${cell.cli}${cell.untouched === true ? ' untouched' : ''}`,
    cell.databases.join(' + '),
  ].join(', ');
}
