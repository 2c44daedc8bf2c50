import { BLOCK_BYTES, readAll, writeAll, writer } from './lib/bulk.js';
import { startDocker } from './lib/docker.js';
import { startRaw } from './lib/raw-grpc.js';
import type { Benchmark } from './lib/run.js';
import { startService } from './lib/service.js';
import { bareSession } from './lib/sessions.js';
import { figure, median, ratio, timed } from './lib/stats.js';

const MB = 1_000_000;
const ROUNDS = 7;
const BYTES = 8192 * BLOCK_BYTES;
const WARM_BYTES = 1024 * BLOCK_BYTES;

/** A command's output, and its input, through the service to a client in another process. */
export const throughput: Benchmark = {
  about: "bytes per second of a command's stdout and stdin, beside `docker exec` and grpc-js alone",
  async run(run) {
    const service = await startService(run);
    const { client } = service;
    const docker = await startDocker(run);
    const raw = await startRaw(run);
    const sessionId = await bareSession(service);
    const container = (await docker?.container())?.id ?? '';

    const stdout = async (bytes: number): Promise<void> => {
      const { bytes: received, total } = await readAll(client, sessionId, writer(bytes));
      if (received !== bytes || total !== bytes) throw new Error(`${received} of ${bytes} bytes came`);
    };
    const stdin = (bytes: number): Promise<void> => writeAll(client, sessionId, bytes);
    const byDocker = async (bytes: number): Promise<void> => {
      if (docker === undefined) return;
      const received = await docker.readByCli(container, writer(bytes));
      if (received !== bytes) throw new Error(`${received} of ${bytes} bytes came from Docker`);
    };

    run.say('warming up');
    for (const work of [stdout, stdin, raw, byDocker]) await work(WARM_BYTES);
    // In turns, so that whatever else the machine does meets all of them alike.
    run.say(`${ROUNDS} rounds of ${figure(BYTES / MB)} MB each`);
    const rates = {
      stdout: [] as number[],
      stdin: [] as number[],
      raw: [] as number[],
      docker: [] as number[],
    };
    const measure = async (into: number[], work: (bytes: number) => Promise<void>): Promise<void> => {
      run.signal.throwIfAborted();
      into.push(BYTES / MB / ((await timed(() => work(BYTES))) / 1000));
    };
    for (let round = 0; round < ROUNDS; round++) {
      await measure(rates.stdout, stdout);
      await measure(rates.raw, raw);
      if (docker !== undefined) await measure(rates.docker, byDocker);
      await measure(rates.stdin, stdin);
    }
    const ours = median(rates.stdout);
    const theirs = docker === undefined ? null : median(rates.docker);
    return {
      stdout_mb_s: figure(ours),
      docker_exec_cli_stdout_mb_s: theirs === null ? null : figure(theirs),
      throughput_ratio: ratio(ours, theirs),
      grpc_js_raw_mb_s: figure(median(rates.raw)),
      stdin_mb_s: figure(median(rates.stdin)),
    };
  },
};
