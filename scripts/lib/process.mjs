// How the scripts start programs and end themselves.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { constants as os } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A failure whose message is all that a reader needs; no stack is shown. */
export class Failure extends Error {}

/** Runs a script's body; its number is the exit status. */
export async function main(body) {
  process.chdir(root);
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    console.error(error instanceof Failure ? error.message : error);
    process.exitCode = 1;
  }
}

/**
 * Runs a program with our own input and output.
 * @returns its exit status, 128+n after signal n.
 */
export function run(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: 'inherit', cwd: root, ...options });
    // A terminal's interrupt reaches the child too; we wait for its end rather than leave it behind.
    const forward = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const settle = (settleWith) => {
      for (const signal of signals) process.off(signal, forward);
      settleWith();
    };
    child.on('error', (error) => settle(() => reject(new Failure(`${file}: ${error.message}`))));
    child.on('close', (code, signal) => settle(() => resolve(code ?? 128 + (os.signals[signal] ?? 0))));
  });
}

/**
 * Runs a program quietly, without input.
 * @returns its status (null after a signal or when it could not start) and all it wrote.
 */
export function capture(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, ...options });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ status: null, output: error.message }));
    child.on('close', (status) => resolve({ status, output: Buffer.concat(chunks).toString() }));
  });
}

/** The path of a program on PATH, or undefined. */
export function which(program) {
  // Debian's `su` and `env -i` leave the sbin folders out, where runc lives.
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  for (const folder of folders) {
    if (folder === '') continue;
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** Whether a program can be started with these arguments and ends well. */
export function works(program, args) {
  const path = which(program);
  return path !== undefined && spawnSync(path, args, { stdio: 'ignore' }).status === 0;
}
