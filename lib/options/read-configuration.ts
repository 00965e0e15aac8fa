import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { kindOf } from './option-checks.js';
import { OptionReader } from './option-reader.js';

/**
 * Reads the user's options, of any shape.
 *
 * @param whose begins the message for a value that is not an options object
 * @throws {SessionConfigurationError} naming every wrong option and what is allowed
 */
export function readConfiguration<T>(
  written: unknown,
  whose: string,
  read: (reader: OptionReader) => T,
  module = 'SessionModule',
): T {
  const problems: string[] = [];
  const result = read(readerOf(written, `${module} cannot start: ${whose}`, problems));
  if (problems.length === 0) return result;
  throw new SessionConfigurationError(`${module} cannot start:\n- ${problems.join('\n- ')}`);
}

// A factory that forgets to return, or a promise that nobody awaited, must not mean the defaults.
function readerOf(written: unknown, whose: string, problems: string[]): OptionReader {
  const refusal = (what: string): SessionConfigurationError =>
    new SessionConfigurationError(`${whose} ${what}`);
  let reader: OptionReader | undefined;
  try {
    reader = OptionReader.of(written, problems);
  } catch {
    throw refusal('cannot be read: something in them throws');
  }
  if (reader !== undefined) return reader;
  const kind = kindOf(written);
  throw refusal(kind === 'an object' ? 'must be a plain object' : `must be an object; got ${kind}`);
}
