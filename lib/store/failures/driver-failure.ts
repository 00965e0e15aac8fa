/** The parts of a driver's error about a failed statement or connection. */
export interface DriverFailure {
  /** The class of the error. */
  readonly name: string;
  /** The driver's code, such as `ER_DUP_ENTRY` or `SQLITE_BUSY`; PostgreSQL's is its SQLSTATE. */
  readonly code: string | undefined;
  /** The server's number, on MySQL and MariaDB. */
  readonly errno: number | undefined;
  /** Five characters with the same meaning on every database that has them. */
  readonly sqlState: string | undefined;
  /** PostgreSQL's severity. */
  readonly severity: string | undefined;
  /** The driver's own text, which may contain values of the statement. */
  readonly text: string;
  /** The statement without its values, if there was one. */
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

/** Reads an error of a driver or of TypeORM. */
export function driverFailureOf(error: unknown): DriverFailure {
  const told = [...layersOf(error)];
  const first = <T>(key: string, isWanted: (value: unknown) => value is T): T | undefined =>
    told.map((each) => each[key]).find(isWanted);
  const code = first('code', isText);
  const severity = first('severity', isText);
  // Only PostgreSQL's server gives a severity. Some of Node's names for a broken connection, such as EPIPE, look like a
  // SQLSTATE.
  const serversCode = severity !== undefined && SQLSTATE.test(code ?? '') ? code : undefined;
  const message = told.at(-1)?.['message'];
  return {
    name: error instanceof Error ? error.name : 'Error',
    code,
    errno: first('errno', isServersNumber),
    sqlState: first('sqlState', isText) ?? serversCode,
    severity,
    text: isText(message) ? message : '',
    sql: first('query', isText) ?? '',
    parameters: first('parameters', Array.isArray) ?? [],
  };
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The error, and the errors that it wraps. */
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

// The operating system's numbers, such as the one of a refused connection, are negative.
function isServersNumber(value: unknown): value is number {
  return typeof value === 'number' && value > 0;
}
