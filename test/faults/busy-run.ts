import type { TestClient } from '../rpc/client.js';
import { session, sh } from '../support/service.js';

/**
 * Agents that do everything at once until it fails: create sessions, run commands in them, have them verified, close
 * them. Ends by itself once calls fail or `over` aborts; failures are what the test is about, so they are not told.
 */
export async function busyRun(client: TestClient, agents: number, over: AbortSignal): Promise<void> {
  const agent = async (): Promise<void> => {
    for (let round = 0; !over.aborted; round++) {
      const { id } = await session(client);
      await sh(client, id, 'head -c 1M /dev/urandom >big; sleep 0.1; sha256sum big >sum');
      const { verification } = await client.verifications.startVerification({
        subject: { $case: 'sessionId', value: id },
      });
      await sh(client, id, 'sha256sum -c sum');
      const watch = client.verifications.watchVerification({
        verificationId: verification?.verificationId ?? '',
      });
      // Every second session is closed while it is judged, and some are left.
      if (round % 2 === 0) for await (const _ of watch);
      if (round % 3 !== 2) await client.sessions.closeSession({ sessionId: id });
    }
  };
  await Promise.allSettled(Array.from({ length: agents }, agent));
}
