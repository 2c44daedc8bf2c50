import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { driveExec } from '../support/exec-call.js';
import { extent } from '../support/extent.js';
import { hostSession, startService, type TestService } from '../support/service.js';

// Random command lines give the same bytes and the same end through the service and through a plain `sh`.

let service: TestService;
let sessionId: string;

beforeAll(async () => {
  service = await startService();
  sessionId = await hostSession(service.admin);
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  /** An exit code, or the name of a signal. */
  readonly end: number | string;
}

async function exec(args: readonly string[], workdir: string): Promise<Outcome> {
  const command = { $case: 'argv' as const, value: { args: [...args] } };
  const start = { $case: 'start' as const, value: { sessionId, spec: { command, workdir } } };
  const { stdout, stderr, exited } = await driveExec(service.admin, [start as never]);
  const status = exited?.result?.status;
  return {
    stdout: stdout.toString('base64'),
    stderr: stderr.toString('base64'),
    end: status?.value ?? 'none',
  };
}

/** Runs a line without us: a program inside, which starts `sh`, reads its pipes and tells what came. */
const DRIVER = `
import base64, json, os, signal, subprocess, sys
done = subprocess.run(['sh', '-c', sys.argv[1]], stdin=subprocess.DEVNULL, capture_output=True)
code = done.returncode
text = lambda data: base64.b64encode(data).decode()
print(json.dumps({'stdout': text(done.stdout), 'stderr': text(done.stderr),
                  'end': code if code >= 0 else signal.Signals(-code).name}))
`;

async function plain(line: string, workdir: string): Promise<Outcome> {
  const { stdout } = await exec(['python3', '-c', DRIVER, line], workdir);
  return JSON.parse(Buffer.from(stdout, 'base64').toString()) as Outcome;
}

const octal = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
const file = fc.constantFrom('a', 'b', 'c');
const code = fc.constantFrom(0, 1, 2, 3, 42, 127, 128, 130, 137, 143, 255);
const signal = fc.constantFrom('TERM', 'KILL', 'HUP', 'INT', 'USR1', 'PIPE', 'ABRT', 'SEGV');

/*
 * What runs beside something else must not get in its way, or two runs of one `sh` differ: it touches no file, and
 * says nothing where another may speak.
 */
const harmless = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 24 }).map((bytes) => `printf '${octal(bytes)}'`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom('hello', '"a  b"', "'*'", '""', '$HOME', '-n x').map((word) => `echo ${word}`),
  },
  fc.nat(3000).map((n) => `seq ${n}`),
  fc.nat(200_000).map((n) => `head -c ${n} /dev/zero`),
  fc.constantFrom('true', 'false', ':', 'pwd >/dev/null', 'sleep 0.01', 'read -r x'),
);

const simple = fc.oneof(
  { weight: 4, arbitrary: harmless },
  fc.constantFrom('no-such-program', 'cd /no/such', 'cat no-such-file', './a'),
  file.map((name) => `cat ${name}`),
  fc.tuple(fc.constantFrom('wc -c', 'sort -r', 'cat -'), file).map(([tool, name]) => `${tool} <${name}`),
  fc
    .tuple(file, fc.string({ unit: fc.constantFrom('x', ' ', '$', "'", 'é'), maxLength: 8 }))
    .map(([, text]) => `cat <<'END'\n${text}\nEND\n`),
);

const { line: body } = fc.letrec<{ line: string }>((tie) => {
  const inner = tie('line');
  const block = inner.map((text) => `{ ${text}\n}`);
  return {
    line: fc.oneof(
      { maxDepth: 4, depthSize: 'small', withCrossShrink: true },
      { weight: 3, arbitrary: simple },
      fc.tuple(inner, inner).map(([a, b]) => `${a}\n${b}`),
      fc
        .tuple(block, fc.constantFrom('wc -c', 'tr a-z b-za', 'sort', 'cat >&2', 'tail -c 7'))
        .map(([a, filter]) => `${a} 2>/dev/null | ${filter}`),
      // Where the reader does not wait for all of it.
      fc
        .tuple(harmless, fc.constantFrom('head -n 2', 'head -c 5', 'true'))
        .map(([a, filter]) => `${a} | ${filter}`),
      fc
        .tuple(block, fc.constantFrom('>', '>>', '2>', '2>>'), file)
        .map(([a, way, name]) => `${a} ${way}${name}`),
      block.map((a) => `${a} 2>&1`),
      block.map((a) => `${a} >&2`),
      fc.tuple(block, fc.constantFrom('&&', '||'), block).map(([a, how, b]) => `${a} ${how} ${b}`),
      block.map((a) => `! ${a}`),
      fc
        .tuple(harmless, block, fc.nat(1_000_000))
        .map(([a, b, job]) => `${a} >job${job} &\n${b}\nwait\ncat job${job}`),
      fc.tuple(block, block, block).map(([a, b, c]) => `if ${a}\nthen ${b}\nelse ${c}\nfi`),
      inner.map((a) => `for i in 1 2 3; do\n${a}\necho $i\ndone`),
      inner.map((a) => `(${a}\n)`),
      inner.map((a) => `echo "[$(${a}\n)]"`),
      code.map((n) => `exit ${n}`),
      code.map((n) => `(exit ${n})`),
      signal.map((name) => `sh -c 'kill -${name} $$'`),
      inner.map((a) => `trap 'echo leaving' EXIT\n${a}`),
    ),
  };
});

/** A signal to the shell itself comes last: what else still runs then would write before or after it. */
const line = fc.oneof(
  { weight: 4, arbitrary: body },
  fc.tuple(body, signal).map(([a, name]) => `${a}\nkill -${name} $$`),
  fc
    .tuple(signal, body, body)
    .map(
      ([name, a, b]) => `trap 'echo caught' ${name === 'KILL' ? 'TERM' : name}\n${a}\nkill -${name} $$\n${b}`,
    ),
);

test('random command lines do the same here as in a plain sh', { timeout: 600_000 }, async () => {
  let made = 0;
  await fc.assert(
    fc.asyncProperty(line, async (text) => {
      // One path for both, one after the other: a line that tells where it runs tells the same.
      const folder = `/tmp/lines-${made++}`;
      const inFreshFolder = async (run: (workdir: string) => Promise<Outcome>): Promise<Outcome> => {
        await exec(['mkdir', folder], '/tmp');
        await exec(['sh', '-c', 'printf A >a; seq 5 >b; : >c'], folder);
        const outcome = await run(folder);
        await exec(['rm', '-r', folder], '/tmp');
        return outcome;
      };
      const through = await inFreshFolder((workdir) => exec(['sh', '-c', text], workdir));
      const without = await inFreshFolder((workdir) => plain(text, workdir));
      expect(through).toEqual(without);
    }),
    { numRuns: extent(40, 300), endOnFailure: false },
  );
});
