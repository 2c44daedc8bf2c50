import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  ExecSpec,
  ExecState,
  ExitReason,
  type ExecResult,
  type Exec as ExecMessage,
} from '../../gen/codeset/v1/exec.js';
import { refusal, type TestClient } from '../rpc/client.js';
import { driveExec } from '../support/exec-call.js';
import { environmentHere } from '../support/engine-here.js';
import { extent } from '../support/extent.js';
import { hostSession, sh, startService, type TestService } from '../support/service.js';

const INVALID_ARGUMENT = 3;

type Spec = Parameters<typeof ExecSpec.fromPartial>[0];

interface Answer {
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly reason: string;
  readonly reset: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly exec: ExecMessage | undefined;
}

let service: TestService;
let admin: TestClient;
/** bash is there. */
let sessionId: string;
/** PATH leads to no bash. */
let poorId: string;

beforeAll(async () => {
  service = await startService();
  admin = service.admin;
  sessionId = await hostSession(admin);
  const { session } = await admin.sessions.createSession({
    source: { $case: 'environment', value: environmentHere('sh') },
    env: { PATH: '/tmp/tools' },
  });
  poorId = session?.sessionId ?? '';
  const tools = 'sh cat sleep ls env id seq kill sort tr dd';
  await sh(
    admin,
    poorId,
    `/bin/mkdir /tmp/tools; for t in ${tools}; do /bin/ln -s /usr/bin/$t /tmp/tools; done`,
  );
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

const ms = (count: number) => ({ seconds: Math.floor(count / 1000), nanos: (count % 1000) * 1e6 });

function answerOf(exec: ExecMessage | undefined, stdout: string, stderr: string): Answer {
  const result: ExecResult | undefined = exec?.result;
  return {
    code: result?.status?.$case === 'exitCode' ? result.status.value : undefined,
    signal: result?.status?.$case === 'signal' ? result.status.value : undefined,
    reason: ExitReason[result?.reason ?? 0] ?? '',
    reset: result?.shellReset ?? false,
    stdout,
    stderr,
    exec,
  };
}

async function run(
  shell: string,
  line: string,
  more: Spec & { stdin?: boolean } = {},
  id = sessionId,
  input = '',
) {
  const { exec, stdout, stderr } = await admin.sessions.runCommand({
    sessionId: id,
    spec: { command: { $case: 'shellLine', value: line }, shell, ...more },
    stdin: Buffer.from(input),
  });
  return answerOf(exec, stdout?.head.toString('latin1') ?? '', stderr?.head.toString('latin1') ?? '');
}

/** A command that is being run; resolves when it has said something. */
async function begin(
  shell: string,
  line: string,
  more: Spec = {},
  id = sessionId,
): Promise<{ execId: string; done: Promise<Answer> }> {
  const execId = randomUUID();
  let spoken = (): void => {};
  const speaks = new Promise<void>((resolve) => (spoken = resolve));
  const spec = { execId, command: { $case: 'shellLine' as const, value: line }, shell, ...more };
  const driven = driveExec(admin, [{ $case: 'start', value: { sessionId: id, spec } } as never], {
    onData: () => spoken(),
  });
  const done = driven.then(async ({ stdout, stderr }) => {
    const { exec } = await admin.sessions.getExec({ sessionId: id, execId });
    return answerOf(exec, stdout.toString(), stderr.toString());
  });
  await Promise.race([speaks, done]);
  return { execId, done };
}

/** Starts a command without waiting for it. */
async function accept(shell: string, line: string, more: Spec = {}): Promise<string> {
  const execId = randomUUID();
  const spec = { execId, command: { $case: 'shellLine' as const, value: line }, shell, ...more };
  // The call runs on; what it answers is asked for by WaitExec.
  admin.sessions.runCommand({ sessionId, spec }).catch(() => undefined);
  for (;;) {
    const known = await admin.sessions.getExec({ sessionId, execId }).catch(() => undefined);
    if (known !== undefined) return execId;
  }
}

async function waited(execId: string): Promise<Answer> {
  const { exec, stdout, stderr } = await admin.sessions.waitExec({ sessionId, execId });
  return answerOf(exec, stdout?.head.toString() ?? '', stderr?.head.toString() ?? '');
}

async function signal(execId: string, name: string, id = sessionId): Promise<void> {
  await admin.sessions.signalExec({ sessionId: id, execId, signal: name });
}

let shells = 0;
const fresh = (): string => `shell-${++shells}`;

describe.each(['bash', 'sh'] as const)('in %s', (kind) => {
  const id = (): string => (kind === 'bash' ? sessionId : poorId);
  const go = (shell: string, line: string, more: Spec = {}, input = '') =>
    run(shell, line, more, id(), input);

  test('directory, variables, functions, aliases, options, umask and descriptors last', async () => {
    const shell = fresh();
    const first = await go(
      shell,
      'cd /tmp; export OUT=1; own=2; f() { echo "f $1"; return 4; }; alias say="echo said"; set -f; umask 027; exec 3<<E\nkept\nE',
    );
    expect([first.code, first.stderr, first.reset]).toEqual([0, '', false]);
    const second = await go(
      shell,
      'pwd; env | grep -c ^OUT=1 || echo $OUT; echo $own; f x; echo $?; say *; umask; cat <&3',
    );
    expect(second.stdout).toMatch(/^\/tmp\n1\n2\nf x\n4\nsaid \*\n0?027\nkept\n$/);
    expect(second.reset).toBe(false);
  });

  test('outputs, status and stdin are each command’s own, byte for byte', async () => {
    const shell = fresh();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1');
    const { exec, stdout } = await admin.sessions.runCommand({
      sessionId: id(),
      spec: { command: { $case: 'shellLine', value: 'cat' }, shell },
      stdin: Buffer.from(bytes, 'latin1'),
    });
    expect(stdout?.head.toString('latin1')).toBe(bytes);
    expect(exec?.shell).toBe(shell);
    expect(exec?.workdir).toBe('');
    const failed = await go(shell, 'echo out; echo err >&2; (exit 7)');
    expect([failed.code, failed.stdout, failed.stderr]).toEqual([7, 'out\n', 'err\n']);
    const next = await go(shell, 'echo $?; cat; read x || echo empty');
    expect([next.code, next.stdout, next.stderr]).toEqual([0, '7\nempty\n', '']);
    const large = await go(shell, `: ${'x'.repeat(120_000)}; echo large`);
    expect(large.stdout).toBe('large\n');
  });

  test('what a command does to itself does not get in the way of the next', async () => {
    const shell = fresh();
    const nasty = [
      'exec >/dev/null 2>&1',
      'exec 1>&-',
      'exec 0<&- 2>&-',
      'exec 3>&- 4<&- 5<&-',
      'if true; then',
      'echo "unclosed',
      'cat <<E\nno end',
      'case x in',
      ')',
      'echo a\\',
      '# only a comment',
      'set -u; echo $nothing',
      'echo ${nothing?is not there}',
      'set +u; set -x; :',
      'set +x; set -v; :',
      'set +v; set -C; true',
      '(exit 9)',
      '(kill -9 $$) & true; kill $!',
      'break; continue',
      'return 5',
      'nosuchcommand',
      'eval() { false; }; export() { false; }; cat() { false; }; echo() { false; }; printf() { false; }; kill() { false; }',
      'unset -f eval export cat echo printf kill; alias command=false builtin=false echo=false export=false .=false',
      'unalias -a; unset CODESET_EXEC_ID; IFS=0123456789:',
      'trap "exit 1" USR1 HUP; trap - USR1 HUP',
      'PATH=',
      'PATH=/tmp/tools:/usr/bin:/bin; cat </dev/null',
      'seq 100000 | sort -r | tr -d 1',
    ].filter((line) => !line.includes('$$'));
    for (const line of nasty) {
      const answer = await go(shell, line);
      const after = await go(shell, '\\command echo alive');
      const traced = /set -[xv]/.test(line) ? after.stderr : '';
      expect([line, answer.reset, after.stdout, after.stderr, after.reset]).toEqual([
        line,
        false,
        'alive\n',
        traced,
        false,
      ]);
    }
  });

  test('a command that ends the shell gives its status, says so, and the next begins in a new one', async () => {
    const shell = fresh();
    await go(shell, 'kept=1');
    const ended = await go(shell, 'echo bye; exit 3');
    expect([ended.code, ended.reason, ended.stdout, ended.reset]).toEqual([3, 'EXITED', 'bye\n', true]);
    const next = await go(shell, 'echo "[$kept]"; pwd');
    expect([next.stdout, next.reset]).toEqual(['[]\n/workspace\n', false]);
    const replaced = await go(shell, 'exec sh -c "echo other; exit 4"');
    expect([replaced.code, replaced.stdout, replaced.reset]).toEqual([4, 'other\n', true]);
    const killed = await go(shell, 'echo last; kill -9 $$');
    expect([killed.signal, killed.reason, killed.stdout, killed.reset]).toEqual([
      'SIGKILL',
      'SIGNALLED',
      'last\n',
      true,
    ]);
    const strict = await go(shell, 'set -e; false; echo no');
    expect([strict.code, strict.stdout, strict.reset]).toEqual([1, '', true]);
    const trapped = await go(shell, 'trap "echo trapped" EXIT; exit 6');
    // dash runs it when its streams are back.
    const told = kind === 'bash' ? 'trapped\n' : '';
    expect([trapped.code, trapped.stdout, trapped.reset]).toEqual([6, told, true]);
    const missing = await go(shell, 'exec nosuchcommand');
    expect([missing.code, missing.reset]).toEqual([127, true]);
    expect((await go(shell, 'echo "[$kept]"')).reset).toBe(false);
  });

  test('a time-out ends the whole command and keeps the shell', async () => {
    const shell = fresh();
    await go(shell, 'kept=1; f() { for i in 1 2 3; do sleep 60; done; echo not; }');
    const loop = await go(shell, 'echo begun; f; echo not; sleep 60', { timeout: ms(300) });
    expect([loop.reason, loop.code, loop.stdout, loop.reset]).toEqual(['TIMEOUT', 143, 'begun\n', false]);
    for (const line of [
      'while :; do :; done',
      'sleep 60 | cat',
      'x=$(sleep 60)',
      '(sleep 60; echo not); echo not',
      'sleep 60 & wait',
    ]) {
      const answer = await go(shell, line, { timeout: ms(200) });
      expect([line, answer.reason, answer.stdout, answer.reset]).toEqual([line, 'TIMEOUT', '', false]);
    }
    const next = await go(shell, 'echo $kept');
    expect([next.stdout, next.reset]).toEqual(['1\n', false]);
  });

  test('a time-out that needs a kill ends the shell, and says so', async () => {
    const shell = fresh();
    await go(shell, 'kept=1');
    const stubborn = `sh -c 'trap "" TERM; echo begun; while :; do sleep 1; done'`;
    const answer = await go(shell, stubborn, { timeout: ms(300), killGrace: ms(200) });
    expect([answer.reason, answer.signal, answer.stdout, answer.reset]).toEqual([
      'TIMEOUT',
      'SIGKILL',
      'begun\n',
      true,
    ]);
    const next = await go(shell, 'echo "[$kept]"');
    expect([next.stdout, next.reset]).toEqual(['[]\n', false]);
  });

  test('a signal reaches what the command started and ends the command, not the shell', async () => {
    const shell = fresh();
    await go(shell, 'kept=1; sleep 61 & old=$!');
    const { execId, done } = await begin(shell, 'echo go; sleep 60; echo not', {}, id());
    await signal(execId, 'SIGINT', id());
    const answer = await done;
    expect([answer.code, answer.reason, answer.stdout, answer.reset]).toEqual([130, 'EXITED', 'go\n', false]);
    const next = await go(shell, 'echo $kept; kill -0 $old && echo running; kill $old');
    expect(next.stdout).toBe('1\nrunning\n');
    const trapping = await begin(
      shell,
      // `go` comes from what is to be ended: a shell that has not begun it yet runs its trap, and then waits for it.
      'trap "echo told; trap - TERM" TERM; sh -c "echo go; exec sleep 60"; echo on',
      {},
      id(),
    );
    await signal(trapping.execId, 'SIGTERM', id());
    expect((await trapping.done).stdout).toBe('go\ntold\non\n');
    const killed = await begin(shell, 'echo go; sleep 60', {}, id());
    await signal(killed.execId, 'SIGKILL', id());
    const end = await killed.done;
    expect([end.signal, end.reset]).toEqual(['SIGKILL', true]);
  });

  test('stays in step when commands are given up at any moment', { timeout: 240_000 }, async () => {
    const shell = fresh();
    const lines = [
      'for i in 1 2 3 4 5 6 7 8 9; do sleep 0.002; done',
      'while :; do :; done',
      'x=$(sleep 0.01; echo 1)',
      'sleep 0.005 | cat; sleep 0.005; f() { sleep 0.01; }; f',
      'true',
      'read x </dev/zero',
      '(sleep 0.01; (sleep 0.01; true)); true',
      'sleep 60 & wait',
      'sleep 60',
    ];
    for (let i = 0; i < extent(54, 540); i++) {
      const line = lines[i % lines.length] ?? '';
      const given = await go(shell, line, {
        timeout: ms(1 + Math.floor(Math.random() * 40)),
        killGrace: ms(10_000),
        stopSignal: i % 3 === 0 ? 'SIGINT' : 'SIGTERM',
      });
      const next = await go(shell, 'echo "in step"');
      const told = `${line}: ${given.reason} ${given.code} ${given.signal} ${given.stderr}`;
      expect([told, given.reset, next.stdout, next.stderr, next.reset]).toEqual([
        told,
        false,
        'in step\n',
        '',
        false,
      ]);
    }
  });

  test('arguments are a command of the shell; variables and directory given with a command last', async () => {
    const shell = fresh();
    const argv = (...args: string[]): Spec => ({ command: { $case: 'argv', value: { args } } });
    await go(shell, '', argv('cd', '/usr/lib'));
    expect((await go(shell, '', argv('pwd'))).stdout).toBe('/usr/lib\n');
    expect((await go(shell, '', argv('echo', "it's", '$HOME', '*', ''))).stdout).toBe("it's $HOME * \n");
    const given = await go(shell, 'echo "$V"; pwd', { env: { V: "a 'b'\n$c" }, workdir: '/usr' });
    expect(given.stdout).toBe("a 'b'\n$c\n/usr\n");
    expect((await go(shell, 'echo "$V"; pwd')).stdout).toBe("a 'b'\n$c\n/usr\n");
    const nowhere = await go(shell, 'echo not', { workdir: '/nowhere' });
    expect([nowhere.reason, nowhere.code, nowhere.reset]).toEqual(['START_FAILED', 126, false]);
    expect((await go(shell, 'pwd')).reset).toBe(false);
  });
});

describe('commands of one shell', () => {
  test('a bash that is told to give up a command when there is none does nothing', async () => {
    const shell = fresh();
    const pid = (await run(shell, 'echo $$')).stdout.trim();
    for (let i = 0; i < 3; i++) {
      await sh(admin, sessionId, `kill -60 ${pid}`);
      const next = await run(shell, 'echo "in step $?"');
      expect([next.stdout, next.stderr, next.reset]).toEqual(['in step 0\n', '', false]);
    }
  });

  test('run one after another in the order in which they were accepted', async () => {
    const shell = fresh();
    const all = Array.from({ length: 40 }, (_, i) => run(shell, `echo "$last"; last=${i}`));
    const outputs = (await Promise.all(all)).map(({ stdout }) => stdout.trim());
    expect(outputs).toEqual(['', ...Array.from({ length: 39 }, (_, i) => String(i))]);
  });

  test('wait STARTING, can be cancelled meanwhile, and get their time only with their turn', async () => {
    const shell = fresh();
    const first = await begin(shell, 'echo go; read x; kept=1', { stdin: true });
    const gone = await accept(shell, 'echo never');
    const killed = await accept(shell, 'echo never');
    const timed = await accept(shell, 'echo $kept', { timeout: ms(1000) });
    const { exec } = await admin.sessions.getExec({ sessionId, execId: timed });
    expect([exec?.state, exec?.startTime]).toEqual([ExecState.STARTING, undefined]);
    await signal(gone, 'SIGTERM');
    await signal(killed, 'SIGKILL');
    const cancelled = await waited(gone);
    expect([cancelled.signal, cancelled.stdout, cancelled.reset]).toEqual(['SIGTERM', '', false]);
    expect((await waited(killed)).signal).toBe('SIGKILL');
    // Longer than the time that the waiting one has.
    await run('', 'sleep 1.2');
    await signal(first.execId, 'SIGINT');
    await first.done;
    const last = await waited(timed);
    expect([last.reason, last.code]).toEqual(['EXITED', 0]);
  });

  test('of two clients share it, two users have one each, other shells run beside it', async () => {
    const shell = fresh();
    const held = await begin(shell, 'echo go; x=mine; sleep 60');
    expect((await run(fresh(), 'echo beside')).stdout).toBe('beside\n');
    expect((await run(shell, 'echo "[$x]"; id -u', { user: 'root' })).stdout).toBe('[]\n0\n');
    await signal(held.execId, 'SIGTERM');
    await held.done;
    expect((await run(shell, 'echo "[$x]"; id -un')).stdout).toBe('[mine]\nagent\n');
  });

  test('take their input from the stream', async () => {
    const shell = fresh();
    const spec = {
      command: { $case: 'shellLine', value: 'read a; read b; echo $b $a; cat' },
      shell,
      stdin: true,
    };
    const { stdout } = await driveExec(admin, [
      { $case: 'start', value: { sessionId, spec } },
      { $case: 'stdin', value: { data: Buffer.from('one\ntwo\nthr') } },
      { $case: 'stdin', value: { data: Buffer.from('ee') } },
      { $case: 'endOfInput', value: {} },
    ] as never);
    expect(stdout.toString()).toBe('two one\nthree');
    expect((await run(shell, 'echo $a')).stdout).toBe('one\n');
  });

  test('leave background jobs with the outputs of the command that started them', async () => {
    const shell = fresh();
    const job = await accept(
      shell,
      '(read x <&3; echo late) 3<<E & while [ ! -e /tmp/go ]; do sleep 0.01; done; echo job; echo err >&2 &\nE',
    );
    const free = await accept(shell, 'echo next; wait; echo waited');
    await run('', 'touch /tmp/go');
    expect((await waited(free)).stdout).toBe('next\nwaited\n');
    const first = await waited(job);
    expect(first.stdout.split('\n').sort()).toEqual(['', 'job', 'late']);
    expect(first.stderr).toBe('err\n');
  });

  test('use arrays, shopt and an activated environment', async () => {
    const shell = fresh();
    await run(
      shell,
      'a=(x "y z"); declare -A m=([k]=v); shopt -s extglob; mkdir -p /tmp/env/bin; echo "export VIRTUAL_ENV=/tmp/env PATH=/tmp/env/bin:\\$PATH; deactivate() { unset VIRTUAL_ENV; }" > /tmp/env/activate; . /tmp/env/activate',
    );
    const { stdout } = await run(
      shell,
      'echo "${a[1]}" ${m[k]}; case ab in @(ab|cd)) echo glob;; esac; echo $VIRTUAL_ENV ${PATH%%:*}; deactivate; echo "[$VIRTUAL_ENV]"',
    );
    expect(stdout).toBe('y z v\nglob\n/tmp/env /tmp/env/bin\n[]\n');
  });

  test('tell that the shell died between two of them', async () => {
    const shell = fresh();
    const { stdout } = await run(shell, 'kept=1; echo $$');
    await run('', `kill -9 ${stdout.trim()}; while kill -0 ${stdout.trim()} 2>/dev/null; do :; done`);
    const next = await run(shell, 'echo "[$kept]"');
    expect([next.stdout, next.reset]).toEqual(['[]\n', true]);
    expect((await run(shell, 'true')).reset).toBe(false);
  });

  test('a time-out kills what stayed behind in subshells of the command, not of earlier ones', async () => {
    const shell = fresh();
    await run(shell, '(while :; do sleep 0.05; done) & earlier=$!');
    const answer = await run(shell, '(trap "" TERM; while :; do sleep 0.05; done) & echo $!; sleep 60', {
      timeout: ms(300),
    });
    expect([answer.reason, answer.reset]).toEqual(['TIMEOUT', false]);
    const { stdout } = await run(
      shell,
      `kill -0 ${answer.stdout.trim()} 2>/dev/null || echo gone; kill $earlier && echo there`,
    );
    expect(stdout).toBe('gone\nthere\n');
  });
});

test('a name that is none is refused', async () => {
  for (const shell of ['a b', 'x'.repeat(65), '../x', 'ü', 'a/b']) {
    const refused = await refusal(run(shell, 'true'));
    expect([refused.code, refused.reason]).toEqual([INVALID_ARGUMENT, 'INVALID_FIELD']);
    expect(JSON.stringify(refused)).toContain('spec.shell');
  }
});

describe('abuse', () => {
  test('a fork bomb ends with its time-out, and the shell can be used again', async () => {
    const shell = fresh();
    await run(shell, 'kept=1');
    const bomb = await run(shell, 'b() { b | b & }; b; sleep 60', { timeout: ms(500), killGrace: ms(300) });
    expect(bomb.reason).toBe('TIMEOUT');
    expect((await run(shell, 'echo alive')).stdout).toBe('alive\n');
    await run('', 'true');
  });

  test('the keeper killed takes its shell and the command with it', async () => {
    const shell = fresh();
    const held = await begin(shell, 'echo go; while :; do :; done');
    await run(
      '',
      `kill -9 $(ps -eo pid,args | awk '/keep-shell shell.${shell}.agent/ && !/awk/ { print $1 }')`,
    );
    const answer = await held.done;
    expect([answer.signal, answer.reset]).toEqual(['SIGKILL', true]);
    expect((await run(shell, 'echo new')).stdout).toBe('new\n');
  });

  test('a shell that can take no more commands is ended, and says so', async () => {
    const shell = fresh();
    const last = await run(shell, 'echo said; ulimit -n 4');
    expect([last.signal, last.stdout, last.reset]).toEqual(['SIGKILL', 'said\n', true]);
    expect((await run(shell, 'echo new')).stdout).toBe('new\n');
  });

  test('many commands in one shell and many shells leave nothing behind but the shells', async () => {
    const id = await hostSession(admin);
    const go = (shell: string, line: string) => run(shell, line, {}, id);
    // Looked at by the shell itself: descriptors of the shell and of its keeper, processes, files.
    const look =
      'for p in "/proc/$$/fd/*" "/proc/$PPID/fd/*" "/proc/[0-9]*" "/run/* /run/*/*" "/tmp/* /tmp/.*"; do set -- $p; echo $#; done';
    await go('main', 'true');
    const before = await go('main', look);
    for (let i = 0; i < extent(100, 1000); i += 20) {
      const line = 'x=$(echo 1); sleep 0 & wait; cd /';
      await Promise.all(Array.from({ length: 20 }, () => go('main', line)));
    }
    expect((await go('main', look)).stdout).toBe(before.stdout);
    const names = Array.from({ length: extent(20, 50) }, fresh);
    await Promise.all(names.map((name) => go(name, `own=${name}`)));
    const seen = await Promise.all(names.map((name) => go(name, 'echo $own; exit')));
    expect(seen.map(({ stdout }) => stdout.trim())).toEqual(names);
    // A keeper ends when it has told how its shell ended.
    await go('', 'while pgrep -f "keep-shell shell/shel[l]-" >/dev/null; do :; done');
    expect((await go('main', look)).stdout).toBe(before.stdout);
    await admin.sessions.closeSession({ sessionId: id });
  });
});
