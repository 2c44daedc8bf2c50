import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VerificationState } from '../../gen/codeset/v1/verification.js';
import { daemonEvents } from '../../src/engines/docker/images/json-lines.js';
import { packFiles } from '../../src/samples/pack.js';
import { refusal } from '../rpc/client.js';
import {
  DOCKER_START_MS,
  removeBelongings,
  ownerOf,
  sharedDocker,
  type SharedDocker,
} from '../support/docker.js';
import { engineFlags } from '../support/engine-here.js';
import { judge } from '../support/judging.js';
import { layerTar } from '../support/registry.js';
import { register, session, sh, startService, type TestService } from '../support/service.js';
import { tempFolder, type TempFolder } from '../support/temp-folder.js';

// An image of one static program and nothing else, as FROM scratch makes it: no shell, no tar, no libraries. The same
// program judges, as a sample's hidden verification script.

const IMAGE = `no-shell-${process.pid}:1`;
const SAMPLE = `sample_id: bare
dataset: try
description: One program.
language: other
environment: {image: "${IMAGE}"}
verification:
  command: [verification/judge, m.txt, a + b]
  timeout: 1m
  grading: all_listed
  report: {format: junit, paths: [report.xml]}
  fail_to_pass: ["t::adds"]
`;
const DIFF = '--- a/m.txt\n+++ b/m.txt\n@@ -1 +1 @@\n-a - b\n+a + b\n';

let docker: SharedDocker;
let folder: TempFolder;
let service: TestService;

beforeAll(async () => {
  docker = await sharedDocker();
  folder = await tempFolder();
  const program = join(folder.path, 'judge');
  const source = join(import.meta.dirname, 'children/judge.c');
  await promisify(execFile)('cc', ['-static', '-O1', '-o', program, source]);
  const content = await readFile(program);
  const [repo = '', tag = ''] = IMAGE.split(':');
  const root = await layerTar({ tool: { text: content, mode: 0o755 } });
  const answer = (await docker.api.importImage(Readable.from([root]), { repo, tag })) as unknown as Readable;
  for await (const event of daemonEvents(answer)) expect(event.error).toBeUndefined();
  service = await startService(await engineFlags('docker'));
  const files = [
    { path: 'sample.yaml', content: SAMPLE },
    { path: 'task.md', content: 'It should add.\n' },
    { path: 'codebase/m.txt', content: 'a - b\n' },
    { path: 'verification/judge', content, executable: true },
  ];
  await register(service.admin, packFiles(files) as AsyncIterable<Buffer>);
}, DOCKER_START_MS);

afterAll(async () => {
  const owner = service === undefined ? undefined : ownerOf(service.dataDir);
  await service?.[Symbol.asyncDispose]();
  if (owner !== undefined) await removeBelongings(docker.api, owner);
  await docker?.api.getImage(IMAGE).remove({ force: true });
  await folder?.[Symbol.asyncDispose]();
});

test('a verification script that is a static program judges there, before the change and after it', async () => {
  const { admin } = service;
  const { id } = await session(admin, 'bare');
  const untouched = await judge(admin, { sessionId: id });
  expect(untouched.log).toContain('looked into m.txt as 0');
  expect(untouched.verification.state).toBe(VerificationState.FAILED);
  await admin.sessions.applyPatch({ sessionId: id, diff: Buffer.from(DIFF) });
  expect((await judge(admin, { sessionId: id })).verification.state).toBe(VerificationState.PASSED);
  const patch = { sampleId: 'bare', diff: Buffer.from(DIFF) };
  expect((await judge(admin, patch)).verification.state).toBe(VerificationState.PASSED);
  await admin.sessions.closeSession({ sessionId: id });
}, 180_000);

test('files, folders, differences, snapshots and programs work there; a line for a shell says what is missing', async () => {
  const { admin } = service;
  const { id } = await session(admin, 'bare');
  const at = (path: string): { sessionId: string; path: string } => ({ sessionId: id, path });
  const { sessions } = admin;
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  await sessions.writeFile({ ...at('tree/deep/all.bin'), data: bytes, makeParents: true });
  expect((await sessions.readFile(at('tree/deep/all.bin'))).data).toEqual(bytes);
  await sessions.replaceInFile({ ...at('m.txt'), oldText: 'a - b', newText: 'a * b' });
  const names = (await sessions.listDirectory(at('/workspace'))).files.map(({ path }) => path);
  expect(names).toEqual(expect.arrayContaining(['/workspace/m.txt', '/workspace/tree']));
  const tar: Buffer[] = [];
  for await (const { data } of sessions.downloadArchive(at('tree'))) tar.push(data);
  await sessions.writeFile({ ...at('copy/x'), data: Buffer.from('x'), makeParents: true });
  await sessions.uploadArchive(
    (async function* () {
      yield { part: { $case: 'header' as const, value: at('copy') } };
      for (const value of tar) yield { part: { $case: 'data' as const, value } };
    })(),
  );
  expect((await sessions.readFile(at('copy/tree/deep/all.bin'))).data).toEqual(bytes);
  await sessions.move({ sessionId: id, source: 'copy/x', destination: 'y' });
  expect((await sessions.stat(at('y'))).file?.sizeBytes).toBe(1n);
  await sessions.remove({ ...at('copy'), recursive: true });
  expect((await refusal(sessions.stat(at('copy')))).reason).toBe('PATH_NOT_FOUND');
  const diff: Buffer[] = [];
  for await (const { data } of sessions.getDiff({ sessionId: id })) diff.push(data);
  expect(Buffer.concat(diff).toString()).toContain('+a * b');

  const run = async (...args: readonly string[]): Promise<string> => {
    const spec = { command: { $case: 'argv' as const, value: { args: [...args] } } };
    return (await sessions.runCommand({ sessionId: id, spec })).stdout?.head.toString() ?? '';
  };
  expect(await run('/tool', 'm.txt', 'a * b')).toBe('looked into m.txt as 1000\n');
  const line = await sh(admin, id, 'echo hello').catch(async () => refusal(sh(admin, id, 'echo hello')));
  expect(JSON.stringify(line)).toMatch(/shell|127/);

  const { snapshot } = await sessions.createSnapshot({ sessionId: id });
  const { session: again } = await sessions.createSession({
    source: { $case: 'snapshotId', value: snapshot?.snapshotId ?? '' },
  });
  const there = { sessionId: again?.sessionId ?? '', path: 'tree/deep/all.bin' };
  expect((await sessions.readFile(there)).data).toEqual(bytes);
  await sessions.closeSession({ sessionId: there.sessionId });
  await sessions.closeSession({ sessionId: id });
  await sessions.deleteSnapshot({ snapshotId: snapshot?.snapshotId ?? '' });
}, 180_000);
