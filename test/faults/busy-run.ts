import { randomBytes } from 'node:crypto';
import { SessionState, type Session } from '../../gen/codeset/v1/session.js';
import type { TestClient } from '../rpc/client.js';
import { addSample, register, sh } from '../support/service.js';
import { TEST_IMAGE } from '../support/test-image.js';

/** Samples that a busy run registers; `add` is there before and stays. */
export const REGISTERED = 'more-';

/** @param ready see `busyRun` */
type Work = (client: TestClient, round: number, ready: Set<string>) => Promise<void>;

function isReady(session: Session | undefined): session is Session {
  return session?.state === SessionState.READY;
}

/** Create, exec, verify, close. Some sessions are closed while they are judged, some are left, some have a command that runs. */
const solve: Work = async (client, round, ready) => {
  const { session: made } = await client.sessions.createSession({
    source: { $case: 'sample', value: { sampleId: 'add' } },
    secretEnv: { TOKEN: 'secret' },
  });
  const id = made?.sessionId ?? '';
  if (isReady(made)) ready.add(id);
  const data = randomBytes(100_000);
  await client.sessions.writeFile({ sessionId: id, path: 'notes/data', data, makeParents: true });
  await sh(client, id, 'head -c 1M /dev/urandom >big; sleep 0.1; sha256sum big >sum');
  // Its end comes with the session's or the service's.
  const running = sh(client, id, 'exec sleep 1000').catch(() => undefined);
  const { verification } = await client.verifications.startVerification({
    subject: { $case: 'sessionId', value: id },
  });
  await sh(client, id, 'sha256sum -c sum');
  const watch = client.verifications.watchVerification({
    verificationId: verification?.verificationId ?? '',
  });
  if (round % 2 === 0) for await (const _ of watch);
  if (round % 3 === 2) return;
  ready.delete(id);
  await client.sessions.closeSession({ sessionId: id });
  await running;
};

/** Snapshots, forks of a session and of a snapshot, differences and patches. */
const branch: Work = async (client, round, ready) => {
  const labels = { work: 'branch' };
  const own: string[] = [];
  const told = (of: Session | undefined): void => {
    if (!isReady(of)) return;
    own.push(of.sessionId);
    ready.add(of.sessionId);
  };
  const { session: made } = await client.sessions.createSession({
    source: { $case: 'sample', value: { sampleId: 'add' } },
    labels,
  });
  const id = made?.sessionId ?? '';
  told(made);
  await sh(client, id, 'echo written >written');
  const { snapshot } = await client.sessions.createSnapshot({ sessionId: id });
  const snapshotId = snapshot?.snapshotId ?? '';
  const fork = async (source: { $case: 'sessionId' | 'snapshotId'; value: string }): Promise<void> => {
    const made: string[] = [];
    for await (const { result } of client.sessions.forkSession({ source, count: 2, labels })) {
      if (result?.$case !== 'forked') continue;
      made.push(result.value.session?.sessionId ?? '');
      told(result.value.session);
    }
    await Promise.all(
      made.flatMap((sessionId): Promise<unknown>[] => [
        sh(client, sessionId, 'cat written; echo more >>written'),
        client.verifications.startVerification({ subject: { $case: 'sessionId', value: sessionId } }),
      ]),
    );
  };
  await Promise.all([
    fork({ $case: 'sessionId', value: id }),
    fork({ $case: 'snapshotId', value: snapshotId }),
  ]);
  const pieces: Uint8Array[] = [];
  for await (const { data } of client.sessions.getDiff({ sessionId: id })) pieces.push(data);
  await sh(client, id, 'rm written');
  await client.sessions.applyPatch({ sessionId: id, diff: Buffer.concat(pieces) });
  if (round % 2 === 0) await client.sessions.deleteSnapshot({ snapshotId });
  for (const each of own) ready.delete(each);
  await client.sessions.closeSessions({ labels });
};

/** Registers what has to be prepared, brings its image, has a patch judged, and removes it. */
const prepare: Work = async (client, round) => {
  const some = randomBytes(6).toString('hex');
  const environment = `{host: {requires: [python3]}, image: ${TEST_IMAGE}, prepare: ["echo ${some} >/opt/prepared; echo ${some} >prepared"]}`;
  const files = [{ path: 'codebase/some', content: some, executable: false }];
  const sampleId = `${REGISTERED}${some}`;
  await register(client, addSample(files, '', environment, sampleId));
  for await (const _ of client.samples.prefetchSamples({ samples: [{ sampleId }] }));
  const { verification } = await client.verifications.startVerification({
    subject: { $case: 'patch', value: { sample: { sampleId }, diff: Buffer.alloc(0) } },
  });
  const { verificationId = '' } = verification ?? {};
  if (round % 2 === 0) for await (const _ of client.verifications.watchVerification({ verificationId }));
  else await client.verifications.cancelVerification({ verificationId });
  await client.samples.deleteSample({ sample: { sampleId } });
};

/**
 * Agents that do everything at once until it fails. Ends by itself once calls fail or `over` aborts; each does its work
 * once at least.
 * @param ready takes in whom the service said to be READY and nobody asked it to close
 * @returns why they failed, which after a kill says nothing
 */
export async function busyRun(
  client: TestClient,
  over: AbortSignal,
  ready = new Set<string>(),
): Promise<readonly unknown[]> {
  const agent = async (work: Work): Promise<void> => {
    for (let round = 0; round === 0 || !over.aborted; round++) await work(client, round, ready);
  };
  const ends = await Promise.allSettled([solve, solve, branch, prepare].map(agent));
  return ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
}
