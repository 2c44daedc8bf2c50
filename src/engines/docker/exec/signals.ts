import type { DockerClient } from '../docker-client.js';

const DOING = 'A signal could not be sent.';
const NOTHING = 3;
/** Rounds of killing what is left; all but the first few a second apart. */
const ROUNDS = 60;
const QUICK_ROUNDS = 30;

/** Finds processes by the mark in their environment, which their own user may read. */
const FIND = `found() {
  for at in /proc/[0-9]*; do
    pid=\${at#/proc/}
    if tr '\\0' '\\n' <"$at/environ" 2>/dev/null | grep -qxF "CODESET_EXEC_ID=$1"; then echo "$pid"; fi
  done
}
`;

/** What the daemon started has no parent that is seen inside, and leads its group. */
const MAIN = `${FIND}
for pid in $(found "$1"); do
  parent=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$pid/status" 2>/dev/null)
  if [ "$parent" = 0 ]; then kill "-$2" "-$pid"; exit; fi
done
exit ${NOTHING}
`;

const TREE = `${FIND}
if [ "$2" != 9 ]; then
  all=$(found "$1")
  if [ -n "$all" ]; then kill "-$2" $all 2>/dev/null; fi
  exit 0
fi
round=0
while all=$(found "$1"); [ -n "$all" ]; do
  round=$((round + 1))
  if [ $round -gt ${ROUNDS} ]; then exit 1; fi
  # A process that the kernel holds, or that gives back much memory, is there for a while.
  if [ $round -gt ${QUICK_ROUNDS} ]; then sleep 1; fi
  kill -19 $all 2>/dev/null
  kill -9 $all $(found "$1") 2>/dev/null
done
exit 0
`;

/** Signals in a container without our init: by a shell of the image's, as the user whose processes are meant. */
export class Signals {
  readonly #client: DockerClient;
  readonly #containerId: string;

  constructor(client: DockerClient, containerId: string) {
    this.#client = client;
    this.#containerId = containerId;
  }

  /** To the process group of the command with that mark. @returns 0 or an errno */
  toGroup(execId: string, signal: number, user: string): Promise<number> {
    return this.#run(MAIN, [execId, String(signal)], user);
  }

  /** To everything with that mark; with SIGKILL it returns when nothing is left, or with an errno where something stays. */
  toTree(execId: string, signal: number, user: string): Promise<number> {
    return this.#run(TREE, [execId, String(signal)], user);
  }

  /** To everything but PID 1. */
  toAll(signal: number): Promise<number> {
    return this.#run('kill "-$1" -1 2>/dev/null; exit 0', [String(signal)], '0:0');
  }

  async #run(script: string, words: readonly string[], user: string): Promise<number> {
    const exec = await this.#client.call(DOING, (api) =>
      api.getContainer(this.#containerId).exec({
        Cmd: ['/bin/sh', '-c', script, 'signal', ...words],
        User: user,
        WorkingDir: '/',
        AttachStdout: true,
        AttachStderr: true,
      }),
    );
    const stream = await this.#client.call(DOING, () => exec.start({ hijack: true, stdin: false }));
    stream.resume();
    await new Promise<void>((resolve) => {
      stream.once('end', resolve);
      stream.once('close', resolve);
      stream.once('error', () => resolve());
    });
    stream.destroy();
    const { ExitCode } = await this.#client.call(DOING, () => exec.inspect());
    if (ExitCode === 0) return 0;
    // ESRCH, as init says it; EIO where the image has no shell or it failed.
    return ExitCode === NOTHING ? 3 : 5;
  }
}
