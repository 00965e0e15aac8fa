import type { DataSource, EntityTarget, ObjectLiteral } from 'typeorm';
import type { Dialect } from './dialect/dialect.js';
import { dialectOf } from './dialect/dialects.js';

/**
 * The names of one entity's table and columns in the user's data source (prefix, schema, naming strategy), escaped for
 * its driver. Statements consist of these names, of the realm, which is a hash in hex, and of parameters, never of
 * input. `where` and `insertions` put the realm into each statement, so none can forget it.
 */
export class Table<Row extends ObjectLiteral> {
  readonly name: string;
  readonly dialect: Dialect;
  /** The table's name and its database's, as in the database's catalog; `undefined` for the connection's database. */
  readonly place: { readonly database: string | undefined; readonly table: string };
  private readonly columns: ReadonlyMap<string, string>;
  private readonly made = new Map<unknown, unknown>();

  constructor(
    private readonly dataSource: DataSource,
    entity: EntityTarget<Row>,
    private readonly realm = '',
  ) {
    if (!/^[0-9a-f]*$/.test(realm)) throw new Error('a realm must be a hash in hex, or empty');
    const { driver } = dataSource;
    this.dialect = dialectOf(dataSource);
    const metadata = dataSource.getMetadata(entity);
    this.name = metadata.tablePath
      .split('.')
      .map((part) => driver.escape(part))
      .join('.');
    this.place = { database: metadata.database, table: metadata.tableName };
    this.columns = new Map(
      metadata.columns.map((column) => [column.propertyName, driver.escape(column.databaseName)]),
    );
  }

  /**
   * The result of a function for this table, such as the texts of its statements. The function runs only at the first
   * call.
   */
  once<Statements>(make: (table: this) => Statements): Statements {
    if (!this.made.has(make)) this.made.set(make, make(this));
    return this.made.get(make) as Statements;
  }

  column(property: keyof Row & string): string {
    const name = this.columns.get(property);
    if (name === undefined) throw new Error(`${this.name} has no column for ${property}`);
    return name;
  }

  /** `a AS "a", b AS "b"`: rows come back under the entity's property names, whatever the names of the columns. */
  selection(properties: readonly (keyof Row & string)[]): string {
    return properties
      .map((property) => `${this.column(property)} AS ${this.alias(property)}`)
      .join(', ');
  }

  /** The name of a column in `selection`. */
  alias(property: keyof Row & string): string {
    return this.dataSource.driver.escape(property);
  }

  /** Selects columns but no row: it fails if the database lacks a column. */
  probe(columns = this.allColumns): string {
    return `SELECT ${columns.join(', ')} FROM ${this.name} WHERE 1 = 0`;
  }

  get allColumns(): readonly string[] {
    return [...this.columns.values()];
  }

  /**
   * The WHERE of a statement: a condition, within the realm. Without a condition, it covers the whole realm.
   *
   * @param alias the statement's own name for the table, if it has one
   */
  where(condition?: string, alias?: string): string {
    const prefix = alias === undefined ? '' : `${alias}.`;
    const isOwn = `WHERE ${prefix}${this.column('realm')} = '${this.realm}'`;
    return condition === undefined ? isOwn : `${isOwn} AND (${condition})`;
  }

  /** The INSERT of one row into the realm. */
  insertion(properties: readonly (keyof Row & string)[]): string {
    return this.insertions(properties)(1);
  }

  /** The INSERTs of any number of rows into the realm. Columns are looked up once. */
  insertions(properties: readonly (keyof Row & string)[]): (rows: number) => string {
    const width = properties.length;
    const columns = ['realm', ...properties].map((property) => this.column(property)).join(', ');
    return (rows) => {
      const values = Array.from(
        { length: rows },
        (_, row) => `('${this.realm}', ${this.parameters(width, row * width)})`,
      );
      return `INSERT INTO ${this.name} (${columns}) VALUES ${values.join(', ')}`;
    };
  }

  /** The placeholder of the parameter at a position, counted from 0. */
  parameter(position: number): string {
    return this.dataSource.driver.createParameter('p', position);
  }

  parameters(count: number, from = 0): string {
    return Array.from({ length: count }, (_, index) => this.parameter(from + index)).join(', ');
  }
}

/** Remembers the text for each number of rows, for a statement with few, recurring numbers. */
export function rememberedByCount(make: (count: number) => string): (count: number) => string {
  const texts = new Map<number, string>();
  return (count) => {
    const text = texts.get(count) ?? make(count);
    texts.set(count, text);
    return text;
  };
}
