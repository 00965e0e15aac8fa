import { DataSource } from 'typeorm';
import { typeormOptions, type DatabasePlace } from '../databases.js';
import { won, type FoundRow, type LimitRows } from './limit-rows.js';
import { limitSql, rotationValues } from './limit-sql.js';

/** The limit program's statements by TypeORM's `dataSource.query()`: what its runner costs, and nothing else of it. */
export async function openTypeormRows(place: DatabasePlace): Promise<LimitRows> {
  const dataSource = await new DataSource(typeormOptions(place)).initialize();
  const sql = limitSql(place.engine);
  const find = async (handle: string) =>
    won((await dataSource.query<FoundRow[]>(sql.find.text, [handle]))[0]);
  return {
    insert: (row) => dataSource.query(sql.insert.text, sql.insert.parametersOf({ ...row })),
    find,
    rotate: async (from, next) => {
      const values = sql.rotate.parametersOf(rotationValues(from, next));
      if (place.engine === 'mariadb') {
        const row = await find(from.handle);
        const { affectedRows } = await dataSource.query<{ affectedRows: number }>(
          sql.rotate.text,
          values,
        );
        return won(affectedRows === 1 ? row : undefined);
      }
      const result = await dataSource.query<FoundRow[] | [FoundRow[], number]>(
        sql.rotate.text,
        values,
      );
      // For an update PostgreSQL's runner gives the rows and their number.
      const [first] = result;
      return won(Array.isArray(first) ? first[0] : first);
    },
  };
}
