import type { Connection } from '../../src/client/connection.js';

/** A session on the host's programs, READY. @returns its id. @throws when it cannot be made. */
export async function hostSession(client: Connection): Promise<string> {
  const { session } = await client.sessions.createSession({
    source: { $case: 'environment', value: { host: {} } },
  });
  if (session === undefined || session.error !== '') throw new Error(`no session: ${session?.error}`);
  return session.sessionId;
}

/** `count` of them, some at a time. */
export async function hostSessions(client: Connection, count: number, atOnce: number): Promise<string[]> {
  const made: string[] = [];
  let left = count;
  const maker = async (): Promise<void> => {
    while (left-- > 0) made.push(await hostSession(client));
  };
  await Promise.all(Array.from({ length: atOnce }, maker));
  return made;
}
