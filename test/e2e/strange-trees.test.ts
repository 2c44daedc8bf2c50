import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fault, VerificationState } from '../../gen/codeset/v1/verification.js';
import { DOCKER_START_MS } from '../support/docker.js';
import { extent } from '../support/extent.js';
import { judge } from '../support/judging.js';
import { addSample, register, session, sh, startService, type TestService } from '../support/service.js';

// An honest agent's tree is judged whatever lies in it beside the solution; what an agent leaves to escape its verdict
// is in test/adversarial/forced-errors.test.ts.

let service: TestService;

beforeAll(async () => {
  service = await startService();
  await register(service.admin, addSample());
}, DOCKER_START_MS);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

const SOLVE = "printf 'def add(a, b):\\n    return a + b\\n' > m.py";

const PASSED = { state: VerificationState.PASSED, fault: Fault.NONE, told: '' };

async function judged(lines: string) {
  const { admin } = service;
  const { id } = await session(admin);
  try {
    const { code, stderr } = await sh(admin, id, `set -e\n${SOLVE}\n${lines}`);
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { verification, log } = await judge(admin, { sessionId: id });
    const { state, fault, message } = verification;
    return { state, fault, told: state === VerificationState.PASSED ? '' : `${message}\n${log}` };
  } finally {
    await admin.sessions.closeSession({ sessionId: id });
  }
}

test('names with newlines, quotes and bytes that are no UTF-8', async () => {
  expect(
    await judged(`python3 -c '
import os
for name in (b"a\\nb", b"\\xff\\xfe", b"-rf", b":(top)x", b"\\"q\\"", b"*", b" ", b"x" * 255, "é".encode()):
    open(name, "w").write("x")
os.mkdir(b"d\\n\\xff"); open(b"d\\n\\xff/f", "w")
'`),
  ).toEqual(PASSED);
});

test('FIFOs, sockets, links to nowhere and in loops, a second name, and sparse files', async () => {
  expect(
    await judged(`mkfifo pipe; mkdir in; mkfifo in/pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
ln -s nowhere dangling; ln -s loop loop; ln -s . dot; ln -s / root; ln m.py second
truncate -s 64M sparse; mkdir -m 700 closed; echo x > closed/x; chmod 000 closed/x`),
  ).toEqual(PASSED);
});

test('folders as deep as paths may be long, and repositories within', async () => {
  expect(
    await judged(
      `d=$(printf 'd/%.0s' $(seq 1000)); mkdir -p "$d"; echo x > "$d/f"; git init -q in; (cd in; echo x > x)`,
    ),
  ).toEqual(PASSED);
});

test('a tree that changes all the time while it is taken', async () => {
  expect(
    await judged(
      `setsid sh -c 'mkdir -p churn; while [ -d churn ]; do i=$((i+1)); echo $i > churn/a; mv churn/a churn/b; rm churn/b; mkdir -p churn/x/y; mv churn/x churn/z; rm -r churn/z; done' > /dev/null 2>&1 &`,
    ),
  ).toEqual(PASSED);
});

test('very many files', { timeout: 400_000 }, async () => {
  expect(
    await judged(`python3 -c '
import os
for i in range(${extent(2_000, 20_000)}):
    if i % 1000 == 0: os.makedirs(f"many/{i // 1000}")
    open(f"many/{i // 1000}/{i}", "w").write(str(i))
'`),
  ).toEqual(PASSED);
});
