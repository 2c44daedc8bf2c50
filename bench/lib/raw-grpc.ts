import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client, credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { ended } from './processes.js';
import type { Run } from './run.js';

export const RAW_PATH = '/bench.Raw/Download';

/** Bytes per second that grpc-js alone carries from a server in another process, by one stream. */
export async function startRaw(run: Run): Promise<(bytes: number) => Promise<void>> {
  const script = fileURLToPath(new URL('raw-grpc-server.js', import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  run.defer(() => {
    if (child.connected) child.disconnect();
    return ended(child);
  });
  if (child.stdout === null) throw new Error('the raw server has no stdout');
  const first = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit'),
  ]);
  const client = new Client(String(first[0]), credentials.createInsecure(), {
    'grpc-node.flow_control_window': 8 * 1024 * 1024,
    'grpc.max_receive_message_length': 16 * 1024 * 1024,
    'grpc.enable_channelz': 0,
    'grpc.enable_http_proxy': 0,
  });
  run.defer(() => client.close());
  return (bytes) => download(client, bytes);
}

async function download(client: Client, bytes: number): Promise<void> {
  const same = (message: Buffer): Buffer => message;
  const stream: ClientReadableStream<Buffer> = client.makeServerStreamRequest(
    RAW_PATH,
    same,
    same,
    Buffer.from(String(bytes)),
  );
  let received = 0;
  for await (const message of stream as AsyncIterable<Buffer>) received += message.length;
  if (received < bytes) throw new Error(`${received} of ${bytes} bytes came`);
}
