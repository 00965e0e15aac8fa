import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';

/** What comes of an answer, and how it ends. */
export function readAnswer(url: string, headers: OutgoingHttpHeaders) {
  const request = httpRequest(url, { headers }).end();
  const begun = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  const text = begun.then(
    (response) =>
      new Promise<[text: string, end: 'whole' | 'cut']>((resolve) => {
        let received = '';
        response.on('data', (chunk: Buffer) => (received += chunk.toString()));
        response.on('end', () => resolve([received, 'whole']));
        response.on('error', () => resolve([received, 'cut']));
      }),
  );
  return { begun, text, request };
}
