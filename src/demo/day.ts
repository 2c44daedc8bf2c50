import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Connection } from '../client/connection.js';
import { ExecCall } from '../client/exec-call.js';
import { prepared, registerSample } from '../client/registration.js';
import type { Sample, Verification } from '../client/types.js';
import { watchVerification } from '../client/verification-watch.js';
import {
  exitReason,
  sampleState,
  sessionState,
  testList,
  testStatus,
  verificationState,
} from '../client/words.js';
import { packFolder } from '../samples/pack.js';
import type { Story } from './story.js';

const CSV = String.raw`printf 'ms\n10\n20\n30\n40\n' > /tmp/times.csv`;
const SUMMARY = 'python3 -m tally /tmp/times.csv';
// Slow on purpose: each line is seen when it is written.
const LOOK = 'for file in tally/*.py; do wc -l "$file"; sleep 0.3; done';

/** A working day of an agent on one sample. @returns whether it ended as it must: FAILED, then PASSED. */
export async function workingDay(connection: Connection, folder: string, story: Story): Promise<boolean> {
  const { samples, sessions } = connection;

  story.step('Register a sample: a codebase, a task, and hidden tests');
  const registered = await registerSample(samples, packFolder(folder));
  if (registered.sample === undefined) throw new Error('The server answered without a sample.');
  // Pulling an image takes its time, and says how far it is.
  const sample = await prepared(samples, registered.sample, ({ message }) => story.quiet(message));
  if (sampleState(sample.state) !== 'READY')
    throw new Error(`The sample could not be prepared: ${sample.error}${aboutImage(sample)}`);
  story.say(`${sample.dataset}/${sample.sampleId}@${sample.version} is READY: ${sample.description}`);
  const task = (await readFile(join(folder, 'task.md'), 'utf8')).trim().split('\n');
  story.say('The task that an agent gets:');
  for (const line of task.slice(0, 9)) story.quiet(`  ${line}`);

  story.step('Create a session: an isolated sandbox with the codebase in it');
  const before = performance.now();
  const { session } = await sessions.createSession({
    source: { $case: 'sample', value: { sampleId: sample.sampleId, version: sample.version } },
    labels: { purpose: 'demo' },
  });
  if (session === undefined || sessionState(session.state) !== 'READY')
    throw new Error(`The session could not be made: ${session?.error ?? ''}`);
  const { sessionId } = session;
  story.say(
    `${sessionId} is READY after ${Math.round(performance.now() - before)} ms: user ${session.user}, no network`,
  );

  try {
    story.step('Run commands; their output streams in as it is written');
    await run(connection, sessionId, 'id -un && python3 --version && ls', story);
    await run(connection, sessionId, LOOK, story);
    await run(connection, sessionId, `${CSV} && ${SUMMARY}`, story);
    story.say('The median of 10, 20, 30 and 40 is 25, not 30: this is the bug.');

    story.step('Verify the untouched session: the hidden tests run in a fresh sandbox');
    const first = await verify(connection, sessionId, story);

    story.step('Do the work (here the reference solution stands in for an agent)');
    const diff = await readFile(join(folder, 'solution', 'solution.patch'));
    const { changedPaths } = await sessions.applyPatch({ sessionId, diff });
    story.say(`patched ${changedPaths.join(', ')}`);
    await run(connection, sessionId, SUMMARY, story);

    story.step('Verify again');
    const second = await verify(connection, sessionId, story);

    story.step('Take the difference, taken by the service and not by the sandbox');
    await showDiff(connection, sessionId, story);
    return verificationState(first.state) === 'FAILED' && verificationState(second.state) === 'PASSED';
  } finally {
    story.step('Close the session and remove everything');
    const closed = await sessions.closeSession({ sessionId });
    story.say(`${sessionId} is ${sessionState(closed.session?.state ?? 0)}`);
  }
}

/** What to do where the sample's image is what it lacks. */
function aboutImage({ environment, error }: Sample): string {
  const image = environment?.image ?? '';
  if (image === '' || !error.includes(image)) return '';
  return `\nWithout an OCI runtime (runc, crun) on this machine the demo stands on ${image}. Bring it by \`docker pull ${image}\` or \`docker load\`, or lend its name to an image that has Python 3: \`docker tag IMAGE ${image}\`.`;
}

async function run(connection: Connection, sessionId: string, line: string, story: Story): Promise<void> {
  story.typed(line);
  const call = new ExecCall(connection, {
    $case: 'start',
    value: { sessionId, spec: { command: { $case: 'shellLine', value: line } } },
  });
  for await (const { frame } of call.responses()) {
    if (frame?.$case === 'output') story.stream(frame.value.data);
    if (frame?.$case !== 'exited') continue;
    story.streamEnd();
    const { result } = frame.value;
    const code = result?.status?.$case === 'exitCode' ? result.status.value : undefined;
    // Every command of the story ends well, or the story is not true.
    if (code !== 0) throw new Error(`"${line}" ended with ${code ?? exitReason(result?.reason ?? 0)}.`);
  }
}

async function verify({ verifications }: Connection, sessionId: string, story: Story): Promise<Verification> {
  const { verification } = await verifications.startVerification({
    subject: { $case: 'sessionId', value: sessionId },
  });
  if (verification === undefined) throw new Error('The server answered without a verification.');
  const watch = watchVerification(verifications, verification.verificationId);
  let step = await watch.next();
  while (step.done !== true) step = await watch.next();
  const end = step.value;
  const { result } = end;
  story.table(
    (result?.tests ?? []).map((test) => [
      testStatus(test.status),
      test.name.split('::').slice(1).join(' › '),
      testList(test.list).toLowerCase(),
    ]),
  );
  const counts = `fail_to_pass ${result?.failToPass?.passed ?? 0}/${result?.failToPass?.total ?? 0}, pass_to_pass ${result?.passToPass?.passed ?? 0}/${result?.passToPass?.total ?? 0}`;
  const state = verificationState(end.state);
  const line = `${state}: ${counts}`;
  if (state === 'PASSED') story.good(line);
  else story.bad(state === 'FAILED' ? line : `${line} (${end.message})`);
  return end;
}

async function showDiff({ sessions }: Connection, sessionId: string, story: Story): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const { data } of sessions.getDiff({ sessionId })) pieces.push(data);
  const lines = Buffer.concat(pieces).toString().trimEnd().split('\n');
  const shown = 14;
  for (const line of lines.slice(0, shown)) story.diffLine(line);
  if (lines.length > shown) story.quiet(`… ${lines.length - shown} lines more`);
}
