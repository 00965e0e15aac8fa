/** What a driver says of a failed statement or connection. */
export interface DriverFailure {
  /** The class of the error. */
  readonly name: string;
  /** The driver's code, such as `ER_DUP_ENTRY` or `SQLITE_BUSY`; PostgreSQL's is its SQLSTATE. */
  readonly code: string | undefined;
  /** The server's number, on MySQL and MariaDB. */
  readonly errno: number | undefined;
  /** Five characters that mean the same on every database that has them. */
  readonly sqlState: string | undefined;
  /** How bad PostgreSQL finds it. */
  readonly severity: string | undefined;
  /** The driver's own text. It may have values of the statement in it. */
  readonly text: string;
  /** The statement, if it was one, without its values. */
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Reads an error as a driver throws it, or as TypeORM passes it on. */
export function driverFailureOf(error: unknown): DriverFailure {
  const told = [...layersOf(error)];
  const first = <T>(key: string, isWanted: (value: unknown) => value is T): T | undefined =>
    told.map((each) => each[key]).find(isWanted);
  const code = first('code', isText);
  const message = told.at(-1)?.['message'];
  return {
    name: error instanceof Error ? error.name : 'Error',
    code,
    errno: first('errno', isServersNumber),
    sqlState: first('sqlState', isText) ?? (SQLSTATE.test(code ?? '') ? code : undefined),
    severity: first('severity', isText),
    text: isText(message) ? message : '',
    sql: first('query', isText) ?? '',
    parameters: first('parameters', Array.isArray) ?? [],
  };
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The error, and what it wraps. */
function* layersOf(error: unknown): Generator<Readonly<Record<string, unknown>>> {
  let each = error;
  while (typeof each === 'object' && each !== null) {
    yield each as Readonly<Record<string, unknown>>;
    each = 'driverError' in each ? each.driverError : undefined;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

// The operating system's numbers, such as that of a refused connection, are negative.
function isServersNumber(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}
