import type { Service } from './service.js';

/** A session on the host's programs or the benchmark's image, READY. @returns its id. @throws when it cannot be made. */
export async function bareSession({ client, image }: Service): Promise<string> {
  const { session } = await client.sessions.createSession({
    source: { $case: 'environment', value: image === undefined ? { host: {} } : { image } },
  });
  if (session === undefined || session.error !== '') throw new Error(`no session: ${session?.error}`);
  return session.sessionId;
}

/** `count` of them, some at a time. */
export async function bareSessions(service: Service, count: number, atOnce: number): Promise<string[]> {
  const made: string[] = [];
  let left = count;
  const maker = async (): Promise<void> => {
    while (left-- > 0) made.push(await bareSession(service));
  };
  await Promise.all(Array.from({ length: atOnce }, maker));
  return made;
}
