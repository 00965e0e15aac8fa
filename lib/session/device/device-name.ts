/** The part of `bowser` that is used. */
interface UserAgentParser {
  parse(userAgent: string): { browser: { name?: string }; os: { name?: string } };
}

/**
 * A name such as "Chrome on Windows" for a user agent; null if `bowser`, an optional peer, is not installed or does not
 * recognize it.
 */
export async function deviceName(userAgent: string): Promise<string | null> {
  const parser = await loadParser();
  if (parser === undefined || userAgent === '') return null;
  const { browser, os } = parser.parse(userAgent);
  if (browser.name === undefined || browser.name === '') return null;
  return os.name === undefined || os.name === '' ? browser.name : `${browser.name} on ${os.name}`;
}

async function loadParser(): Promise<UserAgentParser | undefined> {
  try {
    const loaded: unknown = await import('bowser');
    const { default: parser } = loaded as { default?: Partial<UserAgentParser> };
    return typeof parser?.parse === 'function' ? (parser as UserAgentParser) : undefined;
  } catch {
    return undefined;
  }
}
