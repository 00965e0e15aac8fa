import { firstSessionHandleOf } from '../tokens/session-handle.js';
import type { SessionDatabase } from './session-database.js';
import { OUTLINE_COLUMNS, toSessionOutline, type SessionOutline } from './session-outline.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

// Small enough that no statement takes long. If a tenant is given, few of its rows are returned.
const ROWS_PER_RANGE = 2_000;

/** The handles between two others, both excluded. Handles are ordered by the time of the login. */
export interface HandleRange {
  readonly after: string;
  readonly before: string;
}

export const FIRST_HANDLE = '00000000-0000-0000-0000-000000000000';
export const LAST_HANDLE = firstSessionHandleOf(Number.MAX_SAFE_INTEGER);

/** Statements that scan all sessions along the primary key, and read only their outlines. */
export class SessionRangeStore {
  constructor(private readonly database: SessionDatabase) {}

  /**
   * The sessions in the first part of a range. No index begins with the tenant, so all rows must be read. The database
   * filters the tenants, because transferring all rows takes ten times as long.
   *
   * @param tenantId the only tenant; null searches all
   * @returns also the rest of the range; `undefined` after the last part
   */
  async findPart(
    range: HandleRange,
    tenantId: string | null,
  ): Promise<{ sessions: SessionOutline[]; rest: HandleRange | undefined }> {
    const { findEnd, findOfTenant, findAll } = this.statements;
    const ends = await this.database.run(findEnd, [range.after, range.before]);
    const end = ends.rows[0] && String(ends.rows[0]['handle']);
    const bounds = [range.after, range.before, end ?? range.before];
    const { rows } = await (tenantId === null
      ? this.database.run(findAll, bounds)
      : this.database.run(findOfTenant, [...bounds, tenantId]));
    const sessions = rows
      .map(toSessionOutline)
      // MariaDB's default collations treat `shop` and `SHOP` as equal, so the results are compared again here.
      .filter((each) => (tenantId ?? each.tenantId) === each.tenantId);
    return { sessions, rest: end === undefined ? undefined : { ...range, after: end } };
  }

  private get statements(): ReturnType<typeof prepareStatements> {
    return this.database.table(Session).once(prepareStatements);
  }
}

function prepareStatements(table: Table<Session>) {
  const c = (property: keyof Session): string => table.column(property);
  const p = (position: number): string => table.parameter(position);
  const handle = c('handle');
  const inRange = (more = ''): string =>
    table.where(`${handle} > ${p(0)} AND ${handle} < ${p(1)}${more}`);
  const columns = table.selection(OUTLINE_COLUMNS);
  // The bound tells the planner to use an index. It is doubled, because some rows may be committed late.
  const findAll =
    `SELECT ${columns} FROM ${table.name} ${inRange(` AND ${handle} <= ${p(2)}`)} ` +
    `ORDER BY ${handle} LIMIT ${2 * ROWS_PER_RANGE}`;
  return {
    findEnd:
      `SELECT ${table.selection(['handle'])} FROM ${table.name} ${inRange()} ` +
      `ORDER BY ${handle} LIMIT 1 OFFSET ${ROWS_PER_RANGE - 1}`,
    findAll,
    findOfTenant: `SELECT * FROM (${findAll}) part WHERE part.${table.alias('tenantId')} = ${p(3)}`,
  };
}
