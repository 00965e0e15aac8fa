import type { IncomingMessage, ServerResponse } from 'node:http';

// Swagger UI has inline styles and pictures.
const SWAGGER_UI = "style-src 'self' 'unsafe-inline'; img-src 'self' data:; ";

/** Lets the pages load only their own files, and nobody frame them. */
export function securityHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
): void {
  response.setHeader(
    'content-security-policy',
    `${isApiDocs(request) ? SWAGGER_UI : ''}default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`,
  );
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  next();
}

function isApiDocs({ url = '' }: IncomingMessage): boolean {
  return url === '/docs' || url.startsWith('/docs/');
}
