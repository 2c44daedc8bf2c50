import { connect } from 'node:net';
import type { Duplex } from 'node:stream';

/** Whatever any link receives is read into this and handed on at once, one link after another. */
const RECEIVED = Buffer.allocUnsafeSlow(256 * 1024);

/**
 * A connection to the init that listens on a Unix socket.
 * @param received may get what comes, in place of `data` events; the chunk is good during the call only.
 */
export async function connectToInit(path: string, received?: (chunk: Buffer) => void): Promise<Duplex> {
  const socket = connect({
    path,
    ...(received === undefined ? {} : { onread: { buffer: RECEIVED, callback: hand(received) } }),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.removeAllListeners('error');
  return socket;
}

/** True: go on reading. */
function hand(received: (chunk: Buffer) => void): (length: number) => boolean {
  return (length) => {
    received(RECEIVED.subarray(0, length));
    return true;
  };
}
