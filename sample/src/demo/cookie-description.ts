/** A `Set-Cookie` line without its value. */
export interface CookieDescription {
  name: string;
  /** In order, such as `['Max-Age=60', 'Path=/', 'HttpOnly']`. */
  attributes: string[];
}

export function describeCookie(setCookie: string): CookieDescription {
  const [pair = '', ...attributes] = setCookie.split(';');
  return {
    name: pair.slice(0, pair.indexOf('=')).trim(),
    attributes: attributes.map((attribute) => attribute.trim()),
  };
}
