import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A Node process of ours. */
export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** Lines of stdout; ends with the process. */
  readonly lines: AsyncIterator<string>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts `node SCRIPT ARGS…`; stderr goes where the test's goes. */
export function startChild(script: string, args: readonly string[]): Child {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  return { pid: child.pid ?? -1, lines, kill, [Symbol.asyncDispose]: kill };
}
