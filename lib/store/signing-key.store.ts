import { Injectable } from '@nestjs/common';
import { SessionDatabase } from './session-database.js';
import { SessionSigningKey } from './signing-key.entity.js';
import type { Table } from './table.js';

const WRITTEN_COLUMNS = [
  'kid',
  'kind',
  'algorithm',
  'sequence',
  'material',
  'createdAt',
  'activeAt',
] as const satisfies readonly (keyof SessionSigningKey)[];

const COLUMNS = ['realm', ...WRITTEN_COLUMNS] as const;

/** A key's row. Times in milliseconds since the epoch. */
export interface SigningKeyRecord {
  readonly kid: string;
  readonly realm: string;
  readonly kind: string;
  readonly algorithm: string;
  readonly sequence: number;
  readonly material: string;
  readonly createdAtMs: number;
  readonly activeAtMs: number;
}

/** Statements on keys. There are few keys, so they are always read together. */
@Injectable()
export class SigningKeyStore {
  constructor(private readonly database: SessionDatabase) {}

  async findAll(): Promise<SigningKeyRecord[]> {
    const { rows } = await this.database.run(this.statements.findAll);
    return rows.map(toRecord).toSorted((a, b) => a.sequence - b.sequence);
  }

  /** @returns `false` if another instance has taken the slot: its key is the one to use */
  async insertIntoSlot(record: SigningKeyRecord): Promise<boolean> {
    const values = [
      record.kid,
      record.kind,
      record.algorithm,
      record.sequence,
      record.material,
      record.createdAtMs,
      record.activeAtMs,
    ];
    const { insert } = this.statements;
    return (await this.database.failureAmong(['duplicate'], insert, values)) === undefined;
  }

  /** Stores the same key in another form. @returns `false` if another instance has changed it since it was read */
  async replaceMaterial(kid: string, from: string, to: string): Promise<boolean> {
    const parameters = [to, kid, from];
    const { affected } = await this.database.run(this.statements.replaceMaterial, parameters);
    return affected === 1;
  }

  async delete(kid: string): Promise<boolean> {
    const { affected } = await this.database.run(this.statements.delete, [kid]);
    return affected === 1;
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(SessionSigningKey).once(prepareStatements);
  }
}

function prepareStatements(table: Table<SessionSigningKey>) {
  const c = (property: keyof SessionSigningKey): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  return {
    findAll: `SELECT ${table.selection(COLUMNS)} FROM ${table.name} ${table.where()}`,
    insert: table.insertion(WRITTEN_COLUMNS),
    replaceMaterial:
      `UPDATE ${table.name} SET ${c('material')} = ${p(0)} ` +
      table.where(`${c('kid')} = ${p(1)} AND ${c('material')} = ${p(2)}`),
    delete: `DELETE FROM ${table.name} ${table.where(`${c('kid')} = ${p(0)}`)}`,
  };
}

function toRecord(row: Readonly<Record<string, unknown>>): SigningKeyRecord {
  return {
    kid: String(row['kid']),
    realm: String(row['realm']),
    kind: String(row['kind']),
    algorithm: String(row['algorithm']),
    sequence: Number(row['sequence']),
    material: String(row['material']),
    createdAtMs: Number(row['createdAt']),
    activeAtMs: Number(row['activeAt']),
  };
}
