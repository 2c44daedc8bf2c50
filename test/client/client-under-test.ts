import { CodesetClient, type Session } from '../../src/client/index.js';
import { environmentHere } from '../support/engine-here.js';
import { startService, type TestService } from '../support/service.js';

/** A service of the test's own, a client of it, and a session that its tests may share. */
export interface ClientUnderTest extends AsyncDisposable {
  readonly service: TestService;
  readonly client: CodesetClient;
  readonly session: Session;
}

export async function startClient(): Promise<ClientUnderTest> {
  const service = await startService();
  try {
    const client = await CodesetClient.connect({ address: service.address, apiKey: service.adminKey });
    const session = await client.createSession({ environment: environmentHere() });
    return {
      service,
      client,
      session,
      async [Symbol.asyncDispose]() {
        client.close();
        await service[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a call threw. Fails when it did not. */
export async function thrown(call: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof call === 'function' ? call() : call);
  } catch (error) {
    return error;
  }
  throw new Error('It did not throw.');
}
