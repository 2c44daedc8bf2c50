import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';

// What grpc-js carries with nothing of ours around it: a stream of messages of 64 KiB from memory. One line on
// stdout once it listens; it ends with its parent.

const MESSAGE = Buffer.alloc(64 * 1024);

const folder = await mkdtemp(join(tmpdir(), 'bench-raw-'));
await chmod(folder, 0o700);
const address = `unix://${folder}/server.sock`;
const same = (message: Buffer): Buffer => message;
const server = new Server({ 'grpc.enable_channelz': 0 });
server.addService(
  {
    download: {
      path: '/bench.Raw/Download',
      requestStream: false,
      responseStream: true,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    download: (call: ServerWritableStream<Buffer, Buffer>) => {
      let left = Number(call.request.toString());
      const more = (): void => {
        while (left > 0) {
          left -= MESSAGE.length;
          if (!call.write(MESSAGE)) {
            call.once('drain', more);
            return;
          }
        }
        call.end();
      };
      more();
    },
  },
);
await new Promise<void>((resolve, reject) => {
  server.bindAsync(address, ServerCredentials.createInsecure(), (error) =>
    error === null ? resolve() : reject(error),
  );
});
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
process.on('disconnect', () => {
  server.forceShutdown();
  void rm(folder, { recursive: true, force: true }).finally(() => process.exit(0));
});
console.log(address);
