import type { DataSource, EntityTarget, ObjectLiteral } from 'typeorm';
import { Table } from './table.js';

/**
 * The tables of one module in its data source. Two modules that share a data source have their own objects, so neither
 * sends a statement made for the other's realm.
 */
export class Tables {
  private readonly made = new Map<EntityTarget<ObjectLiteral>, Table<ObjectLiteral>>();

  /** @param realm the realm of the rows in the statements */
  constructor(
    private readonly dataSource: DataSource,
    private readonly realm = '',
  ) {}

  of<Row extends ObjectLiteral>(entity: EntityTarget<Row>): Table<Row> {
    const known = this.made.get(entity) as Table<Row> | undefined;
    const table = known ?? new Table<Row>(this.dataSource, entity, this.realm);
    this.made.set(entity, table);
    return table;
  }
}
