import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DockerClient } from '../../src/engines/docker/docker-client.js';

export interface ScriptedAnswer {
  readonly status: number;
  readonly body?: unknown;
}

/** A client on what answers as Docker's API does where a real one can't be brought to: in failures. */
export interface ScriptedDaemon extends AsyncDisposable {
  readonly client: DockerClient;
  /** What was asked but for the hello: `POST /containers/x/unpause`. */
  readonly asked: readonly string[];
  /** From now on nobody answers. */
  stop(): Promise<void>;
}

const VERSION = '1.41';
const HELLO: Readonly<Record<string, unknown>> = {
  'GET /version': {
    Version: '20.10.24',
    ApiVersion: VERSION,
    MinAPIVersion: '1.12',
    Arch: 'amd64',
    KernelVersion: '6.1.0',
    Components: [{ Name: 'Engine' }],
  },
  'GET /info': { OSType: 'linux', DefaultRuntime: 'runc', Runtimes: { runc: {} }, CgroupDriver: 'cgroupfs' },
};

/** @param answer to what is not the hello; `asked` as above */
export async function scriptedDaemon(answer: (asked: string) => ScriptedAnswer): Promise<ScriptedDaemon> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(`/v${VERSION}/`, '/').replace(/\?.*$/, '');
    const what = `${request.method} ${path}`;
    const hello = HELLO[what];
    if (hello === undefined) asked.push(what);
    const { status, body } = hello === undefined ? answer(what) : { status: 200, body: hello };
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  try {
    const { port } = server.address() as AddressInfo;
    const client = await DockerClient.open(`tcp://127.0.0.1:${port}`);
    return { client, asked, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
