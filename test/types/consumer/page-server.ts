import type { IncomingMessage } from 'node:http';
import type { PageSessions } from 'nestjs-auth-sessions/server';

/** Requests of any server are handled, if their headers can be listed as well as read. */
export async function visit(sessions: PageSessions, incoming: IncomingMessage): Promise<void> {
  const standard = new Request('https://example.com/');
  await sessions.handle(standard);
  await sessions.handle(incoming);
  // @ts-expect-error headers that cannot be listed
  await sessions.handle({ headers: { get: (name: string) => standard.headers.get(name) } });
}
