import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import type { Flaw } from '../errors/flaw.js';
import { allCorsHeaders } from '../http/cors-headers.js';

const ANSWER_WITHIN_MS = 2_000;

/**
 * Tests with a preflight if the pages of `trustedOrigins` may call the application with cookies, as their browsers do.
 * It skips an application that does not listen, or that listens with https.
 */
export async function corsFlaw(
  server: Server | undefined,
  origins: ReadonlySet<string>,
  path: string,
): Promise<Flaw | undefined> {
  const address = server?.listening === true ? server.address() : null;
  if (typeof address !== 'object' || address === null || server === undefined) return undefined;
  if ('setSecureContext' in server) return undefined;
  for (const origin of origins) {
    const headers = await preflight(address, origin, path);
    const allowed = namesIn(headers?.['access-control-allow-headers']);
    const lacks = allCorsHeaders().filter((name) => !allowed.has(name));
    const isAllowed =
      headers?.['access-control-allow-origin'] === origin &&
      headers['access-control-allow-credentials'] === 'true';
    if (headers === undefined || (isAllowed && lacks.length === 0)) continue;
    return {
      code: 'cors',
      cause: isAllowed
        ? `CORS withholds session headers from the pages of \`trustedOrigins\`: ${lacks.join(', ')}.`
        : 'CORS does not let a page of `trustedOrigins` call the API with cookies.',
      cure: 'Call `app.enableCors({ origin: [...], credentials: true, methods: [...], allowedHeaders: [..., ...sessions.getAllCORSHeaders()] })` with these origins.',
    };
  }
  return undefined;
}

// With cookies, browsers take `*` for a name like any other.
function namesIn(list = ''): ReadonlySet<string> {
  return new Set(list.split(',').map((name) => name.trim().toLowerCase()));
}

/** The application's answer; `undefined` if it gives none. */
function preflight(
  { address, port }: AddressInfo,
  origin: string,
  path: string,
): Promise<IncomingHttpHeaders | undefined> {
  const isAny = address === '::' || address === '0.0.0.0';
  const headers = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': allCorsHeaders().join(','),
  };
  return new Promise((resolve) => {
    const host = isAny ? '127.0.0.1' : address;
    const asked = httpRequest(
      { host, port, path, method: 'OPTIONS', headers, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.headers);
      },
    );
    asked.setTimeout(ANSWER_WITHIN_MS, () => asked.destroy());
    asked.once('error', () => resolve(undefined));
    asked.end();
  });
}
