import type { DataSource, EntityTarget, ObjectLiteral } from 'typeorm';
import type { Dialect } from './dialect/dialect.js';
import { dialectOf } from './dialect/dialects.js';

/**
 * The names of one entity's table and columns as the user's data source has them (prefix, schema, naming strategy),
 * escaped for its driver. Statements are made of these names and of parameters, never of input.
 */
export class Table<Row extends ObjectLiteral> {
  readonly name: string;
  readonly dialect: Dialect;
  /** The table's own name and the database's, as the database's catalogue has them; `undefined` for that of the connection. */
  readonly place: { readonly database: string | undefined; readonly table: string };
  private readonly columns: ReadonlyMap<string, string>;
  private readonly made = new Map<unknown, unknown>();

  constructor(
    private readonly dataSource: DataSource,
    entity: EntityTarget<Row>,
  ) {
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

  /** What a function makes of this table, such as the texts of its statements. It is made at the first call alone. */
  once<Statements>(make: (table: this) => Statements): Statements {
    if (!this.made.has(make)) this.made.set(make, make(this));
    return this.made.get(make) as Statements;
  }

  column(property: keyof Row & string): string {
    const name = this.columns.get(property);
    if (name === undefined) throw new Error(`${this.name} has no column for ${property}`);
    return name;
  }

  /** `a AS "a", b AS "b"`: rows come back under the entity's property names, whatever the columns are called. */
  selection(properties: readonly (keyof Row & string)[]): string {
    return properties
      .map((property) => `${this.column(property)} AS ${this.alias(property)}`)
      .join(', ');
  }

  /** The name under which `selection` has a column. */
  alias(property: keyof Row & string): string {
    return this.dataSource.driver.escape(property);
  }

  /** Asks for every column and for no row: fails where the database lacks one. */
  get probe(): string {
    return `SELECT ${[...this.columns.values()].join(', ')} FROM ${this.name} WHERE 1 = 0`;
  }

  insertion(properties: readonly (keyof Row & string)[], rows = 1): string {
    return this.insertions(properties)(rows);
  }

  /** The INSERTs of any number of rows, whose columns are looked up once. */
  insertions(properties: readonly (keyof Row & string)[]): (rows: number) => string {
    const width = properties.length;
    const columns = properties.map((property) => this.column(property)).join(', ');
    return (rows) => {
      const values = Array.from(
        { length: rows },
        (_, row) => `(${this.parameters(width, row * width)})`,
      );
      return `INSERT INTO ${this.name} (${columns}) VALUES ${values.join(', ')}`;
    };
  }

  /** The placeholder of the parameter at a position, which counts from 0. */
  parameter(position: number): string {
    return this.dataSource.driver.createParameter('p', position);
  }

  parameters(count: number, from = 0): string {
    return Array.from({ length: count }, (_, index) => this.parameter(from + index)).join(', ');
  }
}

/** Remembers the text for each number of rows: for a statement whose numbers are few and come again and again. */
export function rememberedByCount(make: (count: number) => string): (count: number) => string {
  const texts = new Map<number, string>();
  return (count) => {
    const text = texts.get(count) ?? make(count);
    texts.set(count, text);
    return text;
  };
}
