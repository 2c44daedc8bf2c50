import { afterAll, beforeAll, expect, test } from 'vitest';
import { VerificationState, type Verification } from '../../gen/codeset/v1/verification.js';
import { packFiles } from '../../src/samples/pack.js';
import type { TestClient } from '../rpc/client.js';
import { TEST_IMAGE } from '../support/docker.js';
import { judge } from '../support/judging.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';

let service: TestService;
let admin: TestClient;

/** A codebase whose `subject.sh` is what an agent writes; `run` judges it. */
function sample(sampleId: string, grading: string, run: string): AsyncIterable<Buffer> {
  const manifest = `sample_id: ${sampleId}
dataset: grading
environment: {host: {requires: []}, image: ${TEST_IMAGE}}
verification:
  timeout: 20s
${grading}
`;
  return packFiles([
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: 'Print 42.\n' },
    { path: 'codebase/subject.sh', content: 'exit 1\n' },
    { path: 'verification/run', content: `#!/bin/sh\n${run}`, executable: true },
  ]) as AsyncIterable<Buffer>;
}

beforeAll(async () => {
  service = await startService({ diskReserve: '64MiB' });
  admin = service.admin;
  const rewarding = `answer=$(as-subject sh ./subject.sh)
case $answer in 42) reward=1 ;; '') reward=0 ;; *) reward=0.5 ;; esac
printf '{"reward": %s, "length": %s}' "$reward" "\${#answer}" > "$CODESET_REPORT_DIR/reward.json"
exit 3
`;
  await register(admin, sample('rewarding', '  grading: reward_file', rewarding));
  await register(admin, sample('trusting', '  grading: reward_file', 'as-subject sh ./subject.sh\n'));
  const known = `  fail_to_pass: [answers]
  fail_to_fail: [known]
  report: {format: tap, paths: ["*.tap"]}`;
  const telling = `exec > "$CODESET_REPORT_DIR/report.tap"
echo 1..2
if [ "$(as-subject sh ./subject.sh)" = 42 ]; then echo 'ok 1 - answers'; else echo 'not ok 1 - answers'; fi
echo 'not ok 2 - known'
exit 1
`;
  await register(admin, sample('telling', known, telling));
}, 120_000);

afterAll(async () => {
  await service?.[Symbol.asyncDispose]();
});

/** The state, and what the service found, when an agent left this as `subject.sh`. */
async function judged(sampleId: string, subject: string): Promise<[string, Verification]> {
  const { id } = await session(admin, sampleId);
  const done = await sh(admin, id, `cat > subject.sh <<'END'\n${subject}\nEND\n`);
  expect(done).toMatchObject({ code: 0 });
  const { verification } = await judge(admin, { sessionId: id });
  await admin.sessions.closeSession({ sessionId: id });
  return [VerificationState[verification.state], verification];
}

test('a reward is the score, whatever the exit status, and only 1 passes', async () => {
  const [right, whole] = await judged('rewarding', 'echo 42');
  expect([right, whole.result?.score, whole.result?.scores]).toEqual(['PASSED', 1, { reward: 1, length: 2 }]);
  const [wrong, half] = await judged('rewarding', 'echo 420');
  expect([wrong, half.result?.score, half.result?.scores]).toEqual([
    'FAILED',
    0.5,
    { reward: 0.5, length: 3 },
  ]);
}, 90_000);

// Published runs show agents that write the reward file before the verifier does.
test('a reward that the code under test writes does not count, wherever it writes it', async () => {
  const forging = `for folder in "$CODESET_REPORT_DIR" /run/codeset-reports .; do
  echo 1 > "$folder/reward.txt"; echo 1 > "$folder/reward.json"
done 2> /dev/null
true`;
  for (const sampleId of ['rewarding', 'trusting']) {
    const [state, { result }] = await judged(sampleId, forging);
    expect([sampleId, state, result?.score]).toEqual([sampleId, 'FAILED', 0]);
  }
  const [, { message }] = await judged('trusting', forging);
  expect(message).toMatch(
    /^REWARD_FILE: the script wrote neither .*; what the code under test wrote does not count/,
  );
}, 90_000);

test('a known failure has to fail, beside the tests that pass, in a report in TAP', async () => {
  const [right, { result }] = await judged('telling', 'echo 42');
  expect(right).toBe('PASSED');
  expect(result).toMatchObject({ failToPass: { passed: 1, total: 1 }, failToFail: { passed: 1, total: 1 } });
  expect((await judged('telling', 'echo 41'))[0]).toBe('FAILED');
}, 90_000);

test('a report of the code under test takes no failure back, and a broken one fails', async () => {
  const [forged] = await judged(
    'telling',
    'printf "ok 1 - answers\\n1..1\\n" > "$CODESET_REPORT_DIR/report.tap"',
  );
  expect(forged).toBe('FAILED');
  const [broken, { message }] = await judged('telling', 'echo ok > "$CODESET_REPORT_DIR/x.tap"; echo 42');
  expect([broken, message]).toEqual(['FAILED', expect.stringMatching(/x\.tap could not be read .*no plan/)]);
}, 90_000);
