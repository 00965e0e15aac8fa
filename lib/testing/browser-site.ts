/** The value of `Sec-Fetch-Site`. It does not know suffixes with two names. */
export function siteBetween(
  one: string,
  other: string,
): 'same-origin' | 'same-site' | 'cross-site' {
  if (one === other) return 'same-origin';
  return siteOf(one) === siteOf(other) ? 'same-site' : 'cross-site';
}

function siteOf(origin: string): string {
  return new URL(origin).hostname.split('.').slice(-2).join('.');
}
