import { firstSessionHandleOf } from '../tokens/session-handle.js';
import type { SessionDatabase } from './session-database.js';
import { Session } from './session.entity.js';
import type { Table } from './table.js';

// Few enough that no statement takes long; with a tenant's rows few of them come here at all.
const ROWS_PER_RANGE = 2_000;

/** Whose a session is. */
export type SessionOwner = Pick<Session, 'handle' | 'userId' | 'tenantId'>;

/** What lies between two handles, both left out. Handles order by the time of the login. */
export interface HandleRange {
  readonly after: string;
  readonly before: string;
}

export const FIRST_HANDLE = '00000000-0000-0000-0000-000000000000';
export const LAST_HANDLE = firstSessionHandleOf(Number.MAX_SAFE_INTEGER);

/** The statements that go over all sessions along the primary key, and read of each no more than whose it is. */
export class SessionRangeStore {
  constructor(private readonly database: SessionDatabase) {}

  /**
   * The sessions in the first part of a range. No index begins with the tenant, so that all rows have to be read: what is
   * another tenant's is left out by the database, since to bring it here takes ten times as long.
   *
   * @param tenantId in this tenant alone; in all of them where it is null
   * @returns what is left of the range as well; `undefined` where that was the last part
   */
  async findPart(
    range: HandleRange,
    tenantId: string | null,
  ): Promise<{ sessions: SessionOwner[]; rest: HandleRange | undefined }> {
    const { findEnd, findOfTenant, findAll } = this.statements;
    const ends = await this.database.run(findEnd, [range.after, range.before]);
    const end = ends.rows[0] && String(ends.rows[0]['handle']);
    const bounds = [range.after, range.before, end ?? range.before];
    const { rows } = await (tenantId === null
      ? this.database.run(findAll, bounds)
      : this.database.run(findOfTenant, [...bounds, tenantId]));
    const sessions = rows
      .map(toOwner)
      // MariaDB's default collations take `shop` and `SHOP` for one: what the database finds is compared again here.
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
  const owner = table.selection(['handle', 'userId', 'tenantId']);
  // The bound tells the planner that this is a matter of an index. Twice as many: some may be committed late.
  const findAll =
    `SELECT ${owner} FROM ${table.name} ${inRange(` AND ${handle} <= ${p(2)}`)} ` +
    `ORDER BY ${handle} LIMIT ${2 * ROWS_PER_RANGE}`;
  return {
    findEnd:
      `SELECT ${table.selection(['handle'])} FROM ${table.name} ${inRange()} ` +
      `ORDER BY ${handle} LIMIT 1 OFFSET ${ROWS_PER_RANGE - 1}`,
    findAll,
    findOfTenant: `SELECT * FROM (${findAll}) part WHERE part.${table.alias('tenantId')} = ${p(3)}`,
  };
}

function toOwner(row: Readonly<Record<string, unknown>>): SessionOwner {
  return {
    handle: String(row['handle']),
    userId: String(row['userId']),
    tenantId: String(row['tenantId']),
  };
}
