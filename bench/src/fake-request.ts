/** A request as a handler gets it, with the headers that a browser sends; a new one for each operation. */
export function requestWithCookies(cookie: string) {
  return {
    method: 'GET',
    url: '/me',
    originalUrl: '/me',
    query: {},
    socket: {},
    headers: {
      host: 'api.example.com',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0',
      accept: 'application/json',
      'accept-language': 'en',
      'sec-fetch-site': 'same-origin',
      cookie,
    },
  };
}

/** A response that takes headers, and does nothing with them. */
export function emptyResponse() {
  return {
    headersSent: false,
    getHeader: () => undefined,
    setHeader: () => undefined,
    removeHeader: () => undefined,
    header: () => undefined,
  };
}
