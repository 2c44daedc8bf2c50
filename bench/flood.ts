import { setTimeout as delay } from 'node:timers/promises';
import { ExecState, OutputPace } from '../gen/codeset/v1/exec.js';
import type { Connection } from '../src/client/connection.js';
import { BLOCK_BYTES, readAll, writer } from './lib/bulk.js';
import { PeakMemory, residentMiB } from './lib/memory.js';
import type { Benchmark } from './lib/run.js';
import { startService } from './lib/service.js';
import { bareSession } from './lib/sessions.js';
import { figure } from './lib/stats.js';

const FLOOD_BYTES = 10_000_000_000 - (10_000_000_000 % BLOCK_BYTES);
const HELD_BYTES = 4096 * BLOCK_BYTES;
const WARM_BYTES = 1024 * BLOCK_BYTES;
/** A held command has filled every buffer on its way long before this. */
const HOLD_MS = 3000;
const WAIT = { seconds: 600, nanos: 0 };

/** Much more output than anybody reads: once past a reader that stalls, once held back by one. */
export const flood: Benchmark = {
  about: 'the service in memory while a command writes 10 GB past a reader that stalls',
  async run(run) {
    const service = await startService(run);
    const { client, pid } = service;
    const sessionId = await bareSession(service);
    run.say('warming up');
    await readAll(client, sessionId, writer(WARM_BYTES));

    run.say(`a command writes ${FLOOD_BYTES} bytes; its reader stalls`);
    const before = await residentMiB(pid);
    const peak = new PeakMemory(pid);
    const began = performance.now();
    const detached = await readAll(client, sessionId, writer(FLOOD_BYTES), {
      pace: OutputPace.DETACHED,
      execId: 'flood',
      pause: stalled(() => ended(client, sessionId, 'flood')),
    });
    const seconds = (performance.now() - began) / 1000;
    if (detached.total !== FLOOD_BYTES)
      throw new Error(`the totals tell ${detached.total} bytes of ${FLOOD_BYTES}`);
    if (detached.missing === 0) throw new Error('no gap was told to a reader that stalled');
    if (detached.bytes + detached.missing !== detached.total) throw new Error('bytes and gaps do not add up');
    const highest = await peak.stop();

    run.say(`a command writes ${HELD_BYTES} bytes to a reader that holds it back`);
    let heldAt = 0;
    const held = await readAll(client, sessionId, writer(HELD_BYTES), {
      execId: 'held',
      pause: stalled(async () => {
        await delay(HOLD_MS, undefined, { signal: run.signal });
        heldAt = await written(client, sessionId, 'held');
      }),
    });
    if (heldAt >= HELD_BYTES) throw new Error('the command was not held back');
    if (held.bytes !== HELD_BYTES || held.missing !== 0)
      throw new Error(`${held.bytes} of ${HELD_BYTES} bytes came`);
    return {
      bytes: detached.total,
      server_rss_before_mb: figure(before),
      server_rss_peak_mb: figure(highest),
      gap_bytes: detached.missing,
      flood_mb_s: figure(detached.total / 1e6 / seconds),
      held_at_mb: figure(heldAt / 1e6),
    };
  },
};

/** Reads the first message, then nothing until `until` has resolved. */
function stalled(until: () => Promise<void>): () => Promise<void> | undefined {
  let stalls = true;
  return () => {
    if (!stalls) return undefined;
    stalls = false;
    return until();
  };
}

async function ended(client: Connection, sessionId: string, execId: string): Promise<void> {
  const { exec } = await client.sessions.waitExec({ sessionId, execId, timeout: WAIT, maxOutputBytes: 1 });
  if (exec?.state !== ExecState.EXITED) throw new Error('the flood did not end');
}

async function written(client: Connection, sessionId: string, execId: string): Promise<number> {
  const { exec } = await client.sessions.getExec({ sessionId, execId });
  return Number(exec?.stdoutBytes ?? 0);
}
