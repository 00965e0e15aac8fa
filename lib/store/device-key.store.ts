import { Injectable } from '@nestjs/common';
import { SessionDatabase } from './session-database.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

/** Statements on the columns of the device that a session is bound to. */
@Injectable()
export class DeviceKeyStore {
  constructor(private readonly database: SessionDatabase) {}

  /** Binds a session by compare-and-swap: a bound session stays as it is. @returns whether it won */
  async bind(handle: string, deviceKey: string, challengeIssuedAtMs: number): Promise<boolean> {
    const parameters = [deviceKey, challengeIssuedAtMs, handle];
    const { affected } = await this.database.run(this.statements.bind, parameters);
    return affected === 1;
  }

  /**
   * Notes that the device of a session has answered a challenge, which counts as activity. Only a challenge newer than
   * all before it counts.
   *
   * @returns whether it was newer
   */
  async accept(
    handle: string,
    challengeIssuedAtMs: number,
    atMs: number,
    expiresAtMs: number,
  ): Promise<boolean> {
    const parameters = [challengeIssuedAtMs, atMs, expiresAtMs, handle, challengeIssuedAtMs];
    const { affected } = await this.database.run(this.statements.accept, parameters);
    return affected === 1;
  }

  /** Removes the key from a session's row. */
  async unbind(handle: string): Promise<void> {
    await this.database.run(this.statements.unbind, [handle]);
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  const set = `UPDATE ${table.name} SET`;
  return {
    bind:
      `${set} ${c('deviceKey')} = ${p(0)}, ${c('challengeAcceptedAt')} = ${p(1)} ` +
      table.where(`${c('handle')} = ${p(2)} AND ${c('deviceKey')} IS NULL`),
    accept:
      `${set} ${c('challengeAcceptedAt')} = ${p(0)}, ${c('lastActiveAt')} = ${p(1)}, ${c('expiresAt')} = ${p(2)} ` +
      table.where(`${c('handle')} = ${p(3)} AND ${c('challengeAcceptedAt')} < ${p(4)}`),
    unbind:
      `${set} ${c('deviceKey')} = NULL, ${c('challengeAcceptedAt')} = NULL ` +
      table.where(`${c('handle')} = ${p(0)}`),
  };
}
