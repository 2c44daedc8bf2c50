import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ended } from './processes.js';
import type { Run } from './run.js';
import type { Service } from './service.js';

export interface Noise {
  /** A session whose output is flooded. */
  readonly flooded: string;
  /** The sample that is verified over and over. */
  readonly sampleId: string;
  readonly verifications: number;
}

/** Starts it. @returns ends it, and throws when it had ended by itself before. */
export function startNoise(run: Run, service: Service, noise: Noise): () => Promise<void> {
  const script = fileURLToPath(new URL('noise-process.js', import.meta.url));
  const { flooded, sampleId, verifications } = noise;
  const args = [script, service.client.address, service.apiKey, flooded, sampleId, String(verifications)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  child.send('go');
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await ended(child);
  };
  run.defer(stop);
  return async () => {
    const early = child.exitCode !== null || child.signalCode !== null;
    await stop();
    if (early) throw new Error('the noise ended before it should; see above');
  };
}
