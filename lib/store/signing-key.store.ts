import { Injectable } from '@nestjs/common';
import { SessionDatabase } from './session-database.js';
import { SessionSigningKey } from './signing-key.entity.js';

const COLUMNS = [
  'kid',
  'realm',
  'kind',
  'algorithm',
  'sequence',
  'material',
  'createdAt',
  'activeAt',
] as const satisfies readonly (keyof SessionSigningKey)[];

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

/** The statements on keys. There are few of them, so they are always read together. */
@Injectable()
export class SigningKeyStore {
  constructor(private readonly database: SessionDatabase) {}

  async findAll(realm: string): Promise<SigningKeyRecord[]> {
    const table = this.database.table(SessionSigningKey);
    const { rows } = await this.database.run(
      `SELECT ${table.selection(COLUMNS)} FROM ${table.name} WHERE ${table.column('realm')} = ${table.parameter(0)}`,
      [realm],
    );
    return rows.map(toRecord).toSorted((a, b) => a.sequence - b.sequence);
  }

  /** @returns `false` where another instance has taken the slot: its key is the one to use */
  insertIntoSlot(record: SigningKeyRecord): Promise<boolean> {
    return this.database.insertUnlessPresent(
      this.database.table(SessionSigningKey).insertion(COLUMNS),
      [
        record.kid,
        record.realm,
        record.kind,
        record.algorithm,
        record.sequence,
        record.material,
        record.createdAtMs,
        record.activeAtMs,
      ],
    );
  }

  /** Stores the same key in another form. @returns `false` where another instance has done so since it was read */
  async replaceMaterial(kid: string, from: string, to: string): Promise<boolean> {
    const table = this.database.table(SessionSigningKey);
    const { affected } = await this.database.run(
      `UPDATE ${table.name} SET ${table.column('material')} = ${table.parameter(0)} ` +
        `WHERE ${table.column('kid')} = ${table.parameter(1)} AND ${table.column('material')} = ${table.parameter(2)}`,
      [to, kid, from],
    );
    return affected === 1;
  }

  async delete(kid: string): Promise<boolean> {
    const table = this.database.table(SessionSigningKey);
    const { affected } = await this.database.run(
      `DELETE FROM ${table.name} WHERE ${table.column('kid')} = ${table.parameter(0)}`,
      [kid],
    );
    return affected === 1;
  }
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
