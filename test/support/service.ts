import type { Log } from '../../src/core/ports/log.js';
import { packFiles, type MemoryFile } from '../../src/samples/pack.js';
import type { Sample } from '../../gen/codeset/v1/sample.js';
import { LimitEnforcement } from '../../gen/codeset/v1/session.js';
import { SampleState } from '../../gen/codeset/v1/sample.js';
import type { TestClient } from '../rpc/client.js';
import { environmentHere } from './engine-here.js';
import { startApp } from './running-app.js';
import { TEST_IMAGE } from './test-image.js';
import type { TempFolder } from './temp-folder.js';

export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error };

/** A running service with a client, for tests of what it does for clients; it sees nothing of the machine's environment. */
export interface TestService extends AsyncDisposable {
  readonly dataDir: string;
  readonly address: string;
  readonly adminKey: string;
  readonly admin: TestClient;
}

export async function startService(
  flags: Record<string, string> = {},
  folder?: TempFolder,
  /** What of the machine's own environment the service sees: for set-up that reaches the world. */
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<TestService> {
  const running = await startApp({ flags, folder, env, log: quiet });
  return {
    dataDir: running.dataDir,
    address: running.app.address,
    adminKey: running.adminKey,
    admin: running.client(),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Uploads a sample and waits until it is READY. */
export async function register(
  client: TestClient,
  tar: AsyncIterable<Buffer>,
  codebase?: { readonly sha256: string; readonly commit: string },
): Promise<Sample> {
  const response = await client.samples.registerSample(
    (async function* () {
      yield { part: { $case: 'header' as const, value: codebase === undefined ? {} : { codebase } } };
      for await (const data of tar) yield { part: { $case: 'data' as const, value: data } };
    })(),
  );
  return settled(client, response.sample?.sampleId ?? '');
}

export async function settled(client: TestClient, sampleId: string): Promise<Sample> {
  let last: Sample | undefined;
  for await (const { event } of client.samples.watchSample({ sample: { sampleId } })) {
    if (event?.$case === 'sample') last = event.value;
  }
  if (last?.state !== SampleState.READY) throw new Error(`The sample is not READY: ${last?.error}`);
  return last;
}

/** A tiny sample whose `m.py` subtracts where it should add; judged by JUnit through `as-subject`. */
export function addSample(
  files: readonly MemoryFile[] = [],
  manifest = '',
  environment = `{host: {requires: [python3]}, image: ${TEST_IMAGE}}`,
  sampleId = 'add',
): AsyncIterable<Buffer> {
  const text = (path: string, content: string, executable = false): MemoryFile => ({
    path,
    content,
    executable,
  });
  return packFiles([
    text(
      'sample.yaml',
      `sample_id: ${sampleId}
dataset: try
description: Adds two numbers.
language: python
environment: ${environment}
verification:
  command: [verification/run]
  timeout: 1m
  grading: all_listed
  report: {format: junit, paths: [report.xml]}
  fail_to_pass: ["tests::test_add"]
  pass_to_pass: ["tests::test_import"]
  protected_paths: [tests/]
${manifest}`,
    ),
    text('task.md', 'add(1, 2) should be 3.\n'),
    text('codebase/m.py', 'def add(a, b):\n    return a - b\n'),
    text('codebase/tests/visible.py', 'import m\n'),
    text('codebase/.gitignore', '*.log\n'),
    text(
      'verification/run',
      `#!/bin/sh
echo judged as $(as-subject id -un)
# Hidden files are root's alone; what the runner has to read is handed out.
install -m 644 "$CODESET_VERIFICATION_DIR/check.py" /tmp/check.py
as-subject python3 /tmp/check.py
`,
      true,
    ),
    text(
      'verification/check.py',
      `import os, sys
sys.path.insert(0, os.getcwd())
import m
ok = m.add(1, 2) == 3
with open(os.environ['CODESET_REPORT_DIR'] + '/report.xml', 'w') as report:
    report.write('<testsuite name="tests"><testcase classname="tests" name="test_import"/>'
                 '<testcase classname="tests" name="test_add">' + ('' if ok else '<failure message="wrong"/>') + '</testcase></testsuite>')
sys.exit(0 if ok else 1)
`,
    ),
    text(
      'solution/solution.patch',
      `--- a/m.py
+++ b/m.py
@@ -1,2 +1,2 @@
 def add(a, b):
-    return a - b
+    return a + b
`,
    ),
    ...files,
  ]) as AsyncIterable<Buffer>;
}

/** A session of a sample, READY. */
export async function session(
  client: TestClient,
  sampleId = 'add',
): Promise<{ id: string; agentToken: string }> {
  const { session: made, agentToken } = await client.sessions.createSession({
    source: { $case: 'sample', value: { sampleId } },
  });
  return { id: made?.sessionId ?? '', agentToken };
}

/** Skips a test, with the reason, where the engine does not hold the limit on memory. The file is in MEMORY_LIMITED. */
export async function needsMemoryLimit(
  client: TestClient,
  sessionId: string,
  skip: (condition: boolean, note: string) => void,
): Promise<void> {
  const { engineCapabilities } = await client.sessions.getSession({ sessionId });
  const held = engineCapabilities?.memory === LimitEnforcement.ENFORCED;
  skip(!held, 'memory is not limited here: the service is an ordinary user, and cgroups are root’s');
}

/** A session on the host's toolchain, or on the test image. */
export async function hostSession(client: TestClient): Promise<string> {
  const { session: made } = await client.sessions.createSession({
    source: { $case: 'environment', value: environmentHere('sh') },
  });
  return made?.sessionId ?? '';
}

/** A shell line's answer as text. */
export async function sh(
  client: TestClient,
  sessionId: string,
  line: string,
): Promise<{ code: number | undefined; stdout: string; stderr: string }> {
  const { exec, stdout, stderr } = await client.sessions.runCommand({
    sessionId,
    spec: { command: { $case: 'shellLine', value: line } },
  });
  const status = exec?.result?.status;
  return {
    code: status?.$case === 'exitCode' ? status.value : undefined,
    stdout: stdout?.head.toString() ?? '',
    stderr: stderr?.head.toString() ?? '',
  };
}
