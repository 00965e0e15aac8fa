import type { DataSource } from 'typeorm';

interface PoolOptions {
  readonly poolSize?: unknown;
  readonly extra?: { readonly max?: unknown; readonly connectionLimit?: unknown };
}

// The default of both drivers.
const DEFAULT_SIZE = 10;

/** How many connections the pool of a database server may have. */
export function poolSizeOf(dataSource: DataSource): number {
  const { poolSize, extra } = dataSource.options as PoolOptions;
  // TypeORM lets `extra` win.
  const size = Number(extra?.max ?? extra?.connectionLimit ?? poolSize ?? DEFAULT_SIZE);
  return size > 0 ? size : DEFAULT_SIZE;
}
