import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExecState, ExitReason, type Exec } from '../../gen/codeset/v1/exec.js';
import { SessionState } from '../../gen/codeset/v1/session.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { extent } from '../support/extent.js';
import { keptSandboxes, killSandbox } from '../support/engine-parts.js';
import { engineHere, environmentHere } from '../support/engine-here.js';
import { hostSession, needsMemoryLimit, sh, startService, type TestService } from '../support/service.js';

/*
 * Failures that other services had with their processes, each in a real sandbox:
 *
 * 16 what a time-out has to reach, and what it must keep      'a time-out …'
 * 17 a fast 137 is out of memory, not a time-out              'a command that the kernel killed …'
 * 18 a fork bomb                                              'a fork bomb …'
 * 19 ten thousand commands leave nothing                      '… commands leave nothing behind'
 * 20 init dies while commands start                           'init killed …'
 * 21 a close that meets a create, a wait, a close             'closing'
 * 22 a recycled pid                                           test/unit/exec/pids.test.ts
 * 23 a missing program, folder, user, no argument             streams.test.ts, 'what a stream refuses'
 */

let service: TestService;
let admin: TestClient;
let sessionId: string;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  sessionId = await hostSession(admin);
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

const line = (value: string) => ({ $case: 'shellLine' as const, value });
const argv = (...args: string[]) => ({ $case: 'argv' as const, value: { args } });

/** How many the session's init has open, those of the command that looks among them. Only its root may look. */
async function descriptorsOfInit(id: string): Promise<number> {
  const spec = { command: line('ls /proc/1/fd | wc -l'), user: 'root' };
  const { stdout, stderr } = await admin.sessions.runCommand({ sessionId: id, spec });
  expect(stderr?.head.toString()).toBe('');
  return Number(stdout?.head.toString());
}

/** Starts a command and waits until its first line is there. */
async function running(id: string, execId: string, value: string, spec: object = {}): Promise<void> {
  const call = admin.sessions.exec(
    (async function* () {
      yield {
        frame: {
          $case: 'start' as const,
          value: { sessionId: id, spec: { execId, command: line(value), detach: true, ...spec } },
        },
      };
      await new Promise(() => undefined);
    })(),
  );
  for await (const { frame } of call) if (frame?.$case === 'output') return;
}

describe('a time-out', () => {
  const mark = `7${process.pid}`;

  test('reaches children, what left by setsid or a double fork and what ignores its signals, and keeps what was written', async () => {
    const { exec, stdout, stderr } = await admin.sessions.runCommand({
      sessionId,
      spec: {
        command: line(
          `echo written; echo too >&2; sleep ${mark}1 & setsid sleep ${mark}2 & ` +
            `(setsid sh -c 'trap "" TERM INT HUP; sleep ${mark}3; sleep ${mark}3' &); ` +
            `python3 -c 'import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\ntime.sleep(${mark}4)'; ` +
            `trap "" TERM; sleep ${mark}5; sleep ${mark}6`,
        ),
        timeout: { seconds: 1n },
        killGrace: { nanos: 200_000_000 },
      },
    });
    expect(exec?.result).toMatchObject({
      reason: ExitReason.TIMEOUT,
      status: { $case: 'signal', value: 'SIGKILL' },
    });
    expect([stdout?.head.toString(), stderr?.head.toString()]).toEqual(['written\n', 'too\n']);
    expect((await sh(admin, sessionId, `pgrep -fc '[ (]${mark}'`)).stdout).toBe('0\n');
  });

  test('gives a command its grace, and the exit that it makes of it', async () => {
    const { exec, stdout } = await admin.sessions.runCommand({
      sessionId,
      spec: {
        command: line('trap "echo cleaned; exit 9" TERM; while :; do sleep 0.05; done'),
        timeout: { nanos: 300_000_000 },
        killGrace: { seconds: 30n },
      },
    });
    expect(exec?.result).toMatchObject({
      reason: ExitReason.TIMEOUT,
      status: { $case: 'exitCode', value: 9 },
    });
    expect(stdout?.head.toString()).toBe('cleaned\n');
  });
});

test('a command that the kernel killed for want of memory is told from one that ran out of time, or was killed', async ({
  skip,
}) => {
  await needsMemoryLimit(admin, sessionId, skip);
  const reason = async (value: string): Promise<ExitReason | undefined> => {
    const spec = { command: line(value), timeout: { seconds: 120n } };
    return (await admin.sessions.runCommand({ sessionId, spec })).exec?.result?.reason;
  };
  const hog = `python3 -c 'a = bytearray(3 << 30)'`;
  expect(await reason(`exec ${hog}`)).toBe(ExitReason.OUT_OF_MEMORY);
  // A shell makes 137 of its child's end.
  expect(await reason(`${hog}; exit $?`)).toBe(ExitReason.OUT_OF_MEMORY);
  expect(await reason('kill -KILL $$')).toBe(ExitReason.SIGNALLED);
  expect(await reason('exit 137')).toBe(ExitReason.EXITED);
});

test('a signal reaches a Python program as KeyboardInterrupt', async () => {
  const execId = 'python';
  const program =
    "import time\\ntry:\\n  print('up', flush=True)\\n  while True: time.sleep(0.02)\\nexcept KeyboardInterrupt:\\n  print('interrupted'); raise SystemExit(3)";
  await running(sessionId, execId, `exec python3 -c "$(printf "${program}")"`);
  await admin.sessions.signalExec({ sessionId, execId, signal: 'SIGINT' });
  const { exec, stdout } = await admin.sessions.waitExec({ sessionId, execId });
  expect(stdout?.head.toString()).toBe('up\ninterrupted\n');
  expect(exec?.result?.status).toEqual({ $case: 'exitCode', value: 3 });
});

test('a signal sent on started is never lost', async () => {
  const round = async (): Promise<void> => {
    let signal = (): void => undefined;
    const started = new Promise<void>((resolve) => (signal = resolve));
    const call = admin.sessions.exec(
      (async function* () {
        yield {
          frame: {
            $case: 'start' as const,
            value: { sessionId, spec: { command: argv('sleep', '300'), lease: {} } },
          },
        };
        await started;
        yield { frame: { $case: 'signal' as const, value: { signal: 'SIGINT' } } };
        await new Promise(() => undefined);
      })(),
    );
    for await (const { frame } of call) {
      if (frame?.$case === 'started') signal();
      if (frame?.$case !== 'exited') continue;
      expect(frame.value.result?.status).toEqual({ $case: 'signal', value: 'SIGINT' });
      return;
    }
    throw new Error('no exit came');
  };
  const rounds = extent(100, 1000);
  for (let done = 0; done < rounds; done += 10) await Promise.all(Array.from({ length: 10 }, round));
}, 300_000);

test('a fork bomb leaves the service and its neighbours alone, and its session can be closed', async () => {
  const bombed = await hostSession(admin);
  await running(bombed, 'bomb', 'echo up; bomb() { bomb | bomb & }; bomb; sleep 300');
  expect((await sh(admin, sessionId, 'echo neighbour')).stdout).toBe('neighbour\n');
  const more = await admin.sessions.runCommand({
    sessionId: bombed,
    spec: { command: argv('true'), timeout: { seconds: 20n } },
  });
  // Either there was a place for it, or it says that there was none.
  const { result } = more.exec ?? {};
  if (result?.reason === ExitReason.START_FAILED) expect(result.message).toContain('limit of processes');
  else expect(result?.reason).toBe(ExitReason.EXITED);
  const { session } = await admin.sessions.closeSession({ sessionId: bombed });
  expect(session?.state).toBe(SessionState.CLOSED);
  expect((await sh(admin, sessionId, 'echo still here')).stdout).toBe('still here\n');
});

const COMMANDS = extent(1000, 10_000);

test(`${COMMANDS} commands leave nothing behind`, { timeout: 600_000 }, async () => {
  const id = await hostSession(admin);
  const ours = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
  const round = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 20) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          // Some leave an orphan, that ends later than they do.
          const value = i % 5 === 0 ? '(sleep 0.01 &) ; exit 3' : i % 5 === 1 ? 'echo $$' : 'exit 3';
          const tty = i % 5 === 2 ? { tty: {} } : {};
          const { exec } = await admin.sessions.runCommand({
            sessionId: id,
            spec: { command: line(value), ...tty },
          });
          expect(exec?.result?.status).toEqual({ $case: 'exitCode', value: i % 5 === 1 ? 0 : 3 });
        }),
      );
    }
  };
  await round(100);
  const before = [await descriptorsOfInit(id), await ours()] as const;
  expect(before[0]).toBeGreaterThan(3);
  await round(COMMANDS);
  // init, the shell that asks and what it asks with.
  const count = 'ls -d /proc/[0-9]* | wc -l';
  await expect.poll(async () => Number((await sh(admin, id, count)).stdout)).toBeLessThanOrEqual(4);
  await expect.poll(() => descriptorsOfInit(id)).toBeLessThanOrEqual(before[0]);
  await expect.poll(ours).toBeLessThanOrEqual(before[1] + 2);
  await expect.poll(() => readdir(join(service.dataDir, 'execs', id))).toEqual(['journal']);
  const ids = new Set<string>();
  for (let pageToken = ''; ;) {
    const page = await admin.sessions.listExecs({ sessionId: id, pageSize: 200, pageToken });
    for (const exec of page.execs) {
      expect(exec.state).toBe(ExecState.EXITED);
      ids.add(exec.execId);
    }
    pageToken = page.nextPageToken;
    if (pageToken === '') break;
  }
  expect(ids.size).toBeGreaterThanOrEqual(COMMANDS + 100);
  await admin.sessions.closeSession({ sessionId: id });
});

test('init killed is told at once: the session is in ERROR, what ran is LOST, and nothing more starts', async () => {
  const id = await hostSession(admin);
  await running(id, 'steady', 'echo before; sleep 300');
  const states: SessionState[] = [];
  const told = (async (): Promise<void> => {
    for await (const { event } of admin.sessions.watchSession({ sessionId: id })) {
      if (event?.$case !== 'session') continue;
      states.push(event.value.state);
      if (event.value.state === SessionState.ERROR) return;
    }
  })();
  const starting = Array.from({ length: 40 }, (_, i) =>
    admin.sessions
      .runCommand({ sessionId: id, spec: { execId: `s${i}`, command: line('echo $$; sleep 0.02') } })
      .then(({ exec }) => exec),
  );
  await starting[0];
  await killSandbox(service.dataDir, join(dirname(service.dataDir), 'run'), id);
  const execs = (await Promise.allSettled(starting)).flatMap((result) =>
    result.status === 'fulfilled' && result.value !== undefined ? [result.value] : [],
  );
  await told;
  expect(states.at(-1)).toBe(SessionState.ERROR);
  for (const exec of execs) expectHonest(exec);
  expect(
    await refusal(admin.sessions.runCommand({ sessionId: id, spec: { command: line('true') } })),
  ).toMatchObject({
    code: Status.FAILED_PRECONDITION,
    reason: 'SESSION_LOST',
  });
  expect((await sh(admin, sessionId, 'echo neighbour')).stdout).toBe('neighbour\n');
  const { session } = await admin.sessions.closeSession({ sessionId: id });
  expect(session?.state).toBe(SessionState.CLOSED);
});

/** Either it ended by itself, or nobody knows how: never a code that was made up. */
function expectHonest(exec: Exec): void {
  const { result } = exec;
  if (exec.state === ExecState.LOST)
    expect(result).toMatchObject({ reason: ExitReason.LOST, status: undefined });
  else expect(result).toMatchObject({ reason: ExitReason.EXITED, status: { $case: 'exitCode', value: 0 } });
}

describe('closing', () => {
  test('a session twice, at once and again, is one close', async () => {
    const id = await hostSession(admin);
    const close = async () => (await admin.sessions.closeSession({ sessionId: id })).session?.state;
    expect(await Promise.all([close(), close(), close()])).toEqual(Array(3).fill(SessionState.CLOSED));
    expect(await close()).toBe(SessionState.CLOSED);
  });

  test('a session that is being made ends it, whenever it comes', async () => {
    const sandboxes = () => keptSandboxes(service.dataDir);
    const before = await sandboxes();
    for (let round = 0; round < extent(6, 40); round++) {
      const made = await admin.sessions.createSession({
        source: { $case: 'environment', value: environmentHere('sh') },
        returnImmediately: true,
      });
      const id = made.session?.sessionId ?? '';
      await new Promise((resolve) => setTimeout(resolve, round * 15));
      const { session } = await admin.sessions.closeSession({ sessionId: id });
      expect(session?.state).toBe(SessionState.CLOSED);
    }
    await expect.poll(sandboxes).toEqual(before);
  });

  test('a session while commands start and are waited for ends them all', async () => {
    const id = await hostSession(admin);
    await running(id, 'up', 'echo up; trap "" TERM; sleep 300');
    const waiting = Array.from({ length: 5 }, () =>
      admin.sessions.waitExec({ sessionId: id, execId: 'up', timeout: { seconds: 60n } }),
    );
    const starting = Array.from({ length: 20 }, () =>
      admin.sessions.runCommand({ sessionId: id, spec: { command: line('sleep 300') } }),
    );
    const closed = admin.sessions.closeSession({ sessionId: id });
    for (const answer of await Promise.allSettled([...waiting, ...starting])) {
      if (answer.status === 'rejected') continue;
      expect(answer.value.exec?.result?.reason).toBe(ExitReason.SESSION_ENDED);
    }
    expect((await closed).session?.state).toBe(SessionState.CLOSED);
  });

  test('a wait after the exit answers at once, as often as it is asked', async () => {
    await admin.sessions.runCommand({ sessionId, spec: { execId: 'over', command: line('exit 5') } });
    for (let i = 0; i < 3; i++) {
      const { exec } = await admin.sessions.waitExec({ sessionId, execId: 'over' });
      expect(exec?.result?.status).toEqual({ $case: 'exitCode', value: 5 });
    }
  });
});

// Its name may be read where the network namespace is as old as init, as Docker has it; it leads nowhere.
const LOOKS_FOR_THE_LINK = `${engineHere() === 'local' ? 'grep codeset /proc/net/unix; ' : ''}
find / -path /proc -prune -o -type s -print 2>/dev/null
python3 -c "
import socket
for line in open('/proc/net/unix'):
    name = line.split()[7:]
    try:
        socket.socket(socket.AF_UNIX).connect(name[0].replace('@', chr(0), 1)) or print('connected to', name)
    except (IndexError, OSError): pass"`;

describe('a hostile command', () => {
  const tricks: Readonly<Record<string, string>> = {
    "writes to init's descriptors": 'for f in /proc/1/fd/* /proc/1/task/1/fd/*; do echo hostile >"$f"; done',
    'looks for the link': LOOKS_FOR_THE_LINK,
    'signals init with everything there is': 'for s in $(seq 1 31) 34 64; do kill -$s 1; done; kill -9 -1',
    "traces init and writes init's memory":
      "python3 -c \"open('/proc/1/mem', 'r+b').write(b'x')\"; echo 1000 >/proc/1/oom_score_adj; renice 19 1",
    'takes the place of the terminals': 'rm -f /dev/ptmx; mkfifo /dev/ptmx; ls -l /dev/pts; rm /dev/pts/ptmx',
    'floods both outputs and forks':
      'for i in $(seq 50); do (yes | head -c 200000; yes | head -c 200000 >&2) & done; wait',
    'opens all descriptors that it may':
      'python3 -c "\nimport os\ntry:\n  while True: os.pipe()\nexcept OSError: pass"',
  };
  for (const user of ['agent', 'root']) {
    for (const [name, trick] of Object.entries(tricks)) {
      test(`of ${user} that ${name} harms nobody else`, async () => {
        const id = await hostSession(admin);
        const { exec, stdout } = await admin.sessions.runCommand({
          sessionId: id,
          spec: { command: line(trick), user, timeout: { seconds: 20n } },
        });
        expect(exec?.result).toBeDefined();
        if (name === 'looks for the link') expect(stdout?.head.toString()).toBe('');
        // init answers, a terminal can be had, and the neighbour knows nothing of it.
        const again = { command: line('tty >/dev/null && echo fine'), tty: {} };
        const after = await admin.sessions.runCommand({ sessionId: id, spec: again });
        expect(after.stdout?.head.toString()).toBe('fine\r\n');
        expect((await sh(admin, sessionId, 'echo neighbour')).stdout).toBe('neighbour\n');
        await admin.sessions.closeSession({ sessionId: id });
      });
    }
  }
});
