import type { ValueTransformer } from 'typeorm';

/**
 * Gives the entities' times as numbers: the drivers of PostgreSQL and MariaDB return a bigint as a text. It changes
 * neither the schema nor the rows of our own statements.
 */
export const bigintAsNumber: ValueTransformer = {
  from: (value: unknown) => (value === null || value === undefined ? value : Number(value)),
  to: (value: unknown) => value,
};
