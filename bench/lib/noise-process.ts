import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { Connection } from '../../src/client/connection.js';
import { watchVerification } from '../../src/client/verification-watch.js';
import { readAll, writer } from './bulk.js';

// The noise that a quiet session has to live with, from a process of its own so that the measuring one stays
// unhurried: `ADDRESS KEY FLOODED SAMPLE VERIFICATIONS`. It floods a session's output and reads it as fast as it
// comes, and keeps so many verifications of a sample running, from the message `go` to the end of the channel.

const [address = '', apiKey = '', flooded = '', sampleId = '', verifications = '0'] = process.argv.slice(2);
const PIECE = 256 * 1024 * 1024;

const client = new Connection({ address, apiKey });

async function flood(): Promise<never> {
  for (;;) await readAll(client, flooded, writer(PIECE));
}

async function verify(): Promise<never> {
  for (;;) {
    const { verification } = await client.verifications.startVerification({
      subject: { $case: 'patch', value: { sample: { sampleId } } },
    });
    const watched = watchVerification(client.verifications, verification?.verificationId ?? '');
    let next = await watched.next();
    while (next.done !== true) next = await watched.next();
    if (next.value.state !== VerificationState.PASSED)
      throw new Error(`a verification failed: ${next.value.message}`);
  }
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined);
let over = false;
process.on('disconnect', () => {
  over = true;
  process.exit(0);
});
process.once('message', () => {
  const all = [flood(), ...Array.from({ length: Number(verifications) }, verify)];
  Promise.all(all).catch((error: unknown) => {
    if (!over) console.error(error);
    process.exit(1);
  });
});
