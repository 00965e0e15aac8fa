import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import { kindOf } from './option-checks.js';
import { OptionReader } from './option-reader.js';

/**
 * Reads what the user wrote, whatever that is.
 *
 * @param whose begins the sentence about what is no options at all
 * @throws {SessionConfigurationError} naming every option that is wrong and what is allowed
 */
export function readConfiguration<T>(
  written: unknown,
  whose: string,
  read: (reader: OptionReader) => T,
): T {
  const problems: string[] = [];
  const result = read(readerOf(written, whose, problems));
  if (problems.length === 0) return result;
  throw new SessionConfigurationError(`SessionModule cannot start:\n- ${problems.join('\n- ')}`);
}

// A factory that forgets to return, or a promise that nobody has waited for, must not mean the defaults.
function readerOf(written: unknown, whose: string, problems: string[]): OptionReader {
  const refusal = (what: string): SessionConfigurationError =>
    new SessionConfigurationError(`SessionModule cannot start: ${whose} ${what}`);
  let reader: OptionReader | undefined;
  try {
    reader = OptionReader.of(written, problems);
  } catch {
    throw refusal('cannot be read: something in them throws');
  }
  if (reader !== undefined) return reader;
  const kind = kindOf(written);
  throw refusal(kind === 'an object' ? 'are no plain object' : `are ${kind}, not an object`);
}
