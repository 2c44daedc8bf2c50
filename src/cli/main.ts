#!/usr/bin/env node
import { runCli } from './program.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGCONT'] as const;
const { stdin, stdout, stderr } = process;
// A reader that has gone (`| head`) is no defect; whoever writes finds out by himself.
for (const stream of [stdout, stderr]) stream.on('error', () => undefined);

const status = await runCli(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  onSignal: (handler) => {
    for (const signal of SIGNALS) process.on(signal, handler);
    return () => {
      for (const signal of SIGNALS) process.off(signal, handler);
    };
  },
});
// Pipes are written behind our back: the process ends by itself once they are.
process.exitCode = status;
// An input that nobody reads to its end would hold the process.
stdin.destroy();
