import type { SessionEventBus } from 'nestjs-auth-sessions';

/** Nobody looks at what a listener returns. */
export function listen(events: SessionEventBus): string[] {
  const users: string[] = [];
  events.on('created', ({ userId }) => users.push(userId));
  events.on('created', async ({ userId }) => Promise.resolve(users.push(userId)));
  events.on('created', ({ userId }) => userId !== '' && Promise.resolve());
  // @ts-expect-error a property that the event does not have
  events.on('created', ({ userName }) => userName);
  return users;
}
