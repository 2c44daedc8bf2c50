import { stringify } from 'smol-toml';
import { WORKSPACE } from '../../core/environment.js';
import type { SampleManifest } from '../../core/sample.js';
import { quote } from '../import/verification-script.js';
import type { MemoryFile } from '../pack.js';
import { ExportError } from './export-error.js';
import { harborTest, asSubject } from './harbor-test.js';
import type { SampleFolder } from './sample-folder.js';

export interface ExportedTask {
  /** Paths in the task's folder. */
  readonly files: readonly MemoryFile[];
  /** Of sample.yaml, what the format has no place for. */
  readonly unmapped: readonly string[];
}

/** `OWNER/NAME` of GitHub. */
const GITHUB = /^\w[\w.-]*\/\w[\w.-]*$/;
/** Where the codebase lies in the image. */
const APP = '/app';

/**
 * A sample as a Harbor task folder. One that came from Harbor is as it was; of any other the script is run as codeset
 * runs it, and its exit status is the reward.
 * @throws {ExportError}
 */
export function exportHarbor(folder: SampleFolder): ExportedTask {
  if (folder.has('verification/task.toml')) return fromHarbor(folder);
  const { manifest } = folder;
  const { verification: spec } = manifest;
  if (folder.has('verification/task.yaml'))
    throw new ExportError(
      "came from Terminal-Bench; Harbor's own `harbor tasks migrate` makes a task of the original",
    );
  if (manifest.environment.dockerfile !== undefined)
    throw new ExportError('has a Dockerfile, on which a codebase can not be put; name an image in its place');
  if (manifest.environment.image === undefined)
    throw new ExportError('names no image, and a Harbor task is one; add environment.image');
  if (spec.grading === 'SWE_BENCH' || spec.failToFail.length > 0)
    throw new ExportError(
      'is graded by its reports beside the exit status, which Harbor does not read; export it as swe-bench',
    );
  // An import puts the files of its test patch in place itself.
  if (
    manifest.codebase !== undefined &&
    spec.protectedPaths.length > 0 &&
    !folder.has('verification/test.patch')
  )
    throw new ExportError(
      'protects paths of a repository, whose files the export does not have to put back; make the codebase a folder',
    );
  const test = harborTest(manifest, APP);
  const bits = (prefix: string, files: readonly MemoryFile[]): MemoryFile[] =>
    files.map((file) => ({ ...file, path: `${prefix}/${file.path}` }));
  return {
    files: [
      { path: 'task.toml', content: settingsOf(manifest) },
      { path: 'instruction.md', content: folder.task },
      { path: 'environment/Dockerfile', content: dockerfileOf(manifest) },
      ...bits('environment/codebase', folder.below('codebase')),
      { path: 'tests/test.sh', content: test, executable: true },
      { path: 'tests/bin/as-subject', content: asSubject(), executable: true },
      ...bits('tests/verification', folder.below('verification')),
      ...bits('tests/protected', protectedOf(folder)),
      ...solutionOf(folder),
    ],
    unmapped: unmappedOf(manifest),
  };
}

/** Its settings were kept, and all else is where it was under other names. */
function fromHarbor(folder: SampleFolder): ExportedTask {
  const moved = (from: string, to: string): MemoryFile[] =>
    folder.below(from).map((file) => ({ ...file, path: `${to}/${file.path}` }));
  return {
    files: [
      { path: 'task.toml', content: folder.text('verification/task.toml') },
      { path: 'instruction.md', content: folder.task },
      // The Dockerfile's own text, where the import had to change it.
      ...moved('environment', 'environment').map((file) =>
        file.path === 'environment/Dockerfile' && folder.has('verification/Dockerfile')
          ? { ...file, content: folder.text('verification/Dockerfile') }
          : file,
      ),
      ...moved('verification/tests', 'tests'),
      ...moved('solution/files', 'solution'),
    ],
    unmapped: [],
  };
}

function settingsOf({
  sampleId,
  dataset,
  description,
  tags,
  environment,
  resources,
  verification,
}: SampleManifest): string {
  const mebibytes = (bytes: number): number => Math.ceil(bytes / 1024 ** 2);
  return `${stringify({
    schema_version: '1.1',
    task: { name: `${dataset}/${sampleId}`, description, keywords: [...tags] },
    verifier: { timeout_sec: verification.timeoutMs / 1000, user: 'root' },
    agent: { user: environment.user },
    environment: {
      cpus: Math.max(1, Math.ceil(resources.cpus)),
      memory_mb: mebibytes(resources.memoryBytes),
      storage_mb: mebibytes(resources.diskBytes),
      allow_internet: environment.network === 'public' || verification.network === 'public',
    },
  })}\n`;
}

/** @throws {ExportError} */
function dockerfileOf({ environment, codebase }: SampleManifest): string {
  const broken = Object.entries(environment.env).find(([, value]) => /[\r\n]/.test(value));
  if (broken !== undefined)
    throw new ExportError(
      `sets ${broken[0]} to several lines, which no Dockerfile can; set it in the script that needs it`,
    );
  const run = (lines: readonly string[]): string[] =>
    lines.map((line) => `RUN ["sh", "-c", ${JSON.stringify(line)}]`);
  const env = Object.entries(environment.env).map(
    ([name, value]) =>
      `ENV ${name}="${value.replace(/["\\]/g, '\\$&').replace(name === 'PATH' ? /\$(?!PATH\b)/g : /\$/g, '\\$')}"`,
  );
  const get =
    codebase === undefined
      ? [`COPY codebase/ ${APP}/`]
      : run([
          `git init -q ${APP} && cd ${APP} && git fetch -q --depth 1 ${remoteOf(codebase.git)} ${codebase.commit} && git checkout -q FETCH_HEAD`,
        ]);
  return [
    `FROM ${environment.image ?? ''}`,
    'USER root',
    ...env,
    ...run(environment.setup),
    `WORKDIR ${APP}`,
    ...get,
    ...run(environment.prepare),
    ...run([
      'id -u agent >/dev/null 2>&1 || useradd --create-home --non-unique --uid 1000 agent || adduser -D -u 1000 agent',
      `chown -R ${environment.user === 'root' ? '0:0' : '1000:1000'} ${APP}`,
    ]),
    '',
  ].join('\n');
}

/** @throws {ExportError} */
function remoteOf(git: string): string {
  if (GITHUB.test(git)) return `https://github.com/${git}`;
  if (/^https:\/\/[\w.:/@~-]+$/.test(git)) return git;
  throw new ExportError(`has the codebase ${git}, which is on no server that an image could be built from`);
}

function protectedOf(folder: SampleFolder): MemoryFile[] {
  const paths = folder.manifest.verification.protectedPaths.map((path) => path.replace(/\/+$/, ''));
  return folder
    .below('codebase')
    .filter((file) => paths.some((path) => file.path === path || file.path.startsWith(`${path}/`)));
}

function solutionOf(folder: SampleFolder): MemoryFile[] {
  const files = folder.below('solution').map((file) => ({ ...file, path: `solution/${file.path}` }));
  if (files.length === 0) return [];
  const apply = folder.has('solution/solution.patch')
    ? // Without git, patch does it.
      'if command -v git >/dev/null; then git apply --whitespace=nowarn /solution/solution.patch; else patch -p1 < /solution/solution.patch; fi'
    : 'CODESET_SOLUTION_DIR=/solution /solution/apply';
  const script = `#!/bin/sh\nset -e\ncd ${quote(APP)}\n${apply}\n`;
  return [{ path: 'solution/solve.sh', content: script, executable: true }, ...files];
}

function unmappedOf({ verification: spec, resources, environment }: SampleManifest): string[] {
  return [
    ...(spec.report === undefined ? [] : ['verification.report']),
    ...(spec.failToPass.length === 0 ? [] : ['verification.fail_to_pass (the exit status decides)']),
    ...(spec.passToPass.length === 0 ? [] : ['verification.pass_to_pass (the exit status decides)']),
    ...(spec.canary === undefined ? [] : ['verification.canary']),
    ...(spec.remove.length === 0 ? [] : ['verification.remove']),
    'verification.hardening (what an agent planted for tests to pick up stays)',
    ...(spec.scope === 'FILESYSTEM' ? [] : ['verification.scope']),
    ...(environment.workdir === WORKSPACE ? [] : ['environment.workdir']),
    ...(environment.host === undefined ? [] : ['environment.host']),
    ...(environment.network !== spec.network ? ['verification.network'] : []),
    ...(resources.processes > 0 ? ['resources.processes'] : []),
    'history',
  ];
}
