import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { DEFAULT_RESOURCES, type Environment, type Resources } from '../../core/environment.js';
import { CodesetError } from '../../core/errors.js';
import { PlantedFiles } from '../../core/planted-files.js';
import { holdsSettings } from '../../core/runner-settings.js';
import { tryGit } from '../git.js';
import { ID_PATTERN, parseManifest } from '../manifest.js';
import { openRepository, type MemoryFile } from '../pack.js';
import { applyToCommit, type PatchedTree } from './hidden-files.js';
import { idOf, ImportError, parseEntry, type SweBenchEntry } from './swe-bench-entry.js';
import { pytestCommand, quote, verificationScript } from './verification-script.js';

export interface SweBenchOptions {
  readonly dataset: string;
  /** A repository or a bundle on this machine that holds the base commits. */
  readonly repository: string;
  /** The environment that all instances get; its image gives way to `imageTemplate`. */
  readonly environment: Environment | undefined;
  readonly resources?: Resources;
  /** An image each: `{instance_id}` stands for the instance's id. */
  readonly imageTemplate?: string;
  /**
   * A shell line run as the subject in the workspace; `{files}` stands for the files of the expected tests, and
   * `$CODESET_REPORT_DIR` takes the JUnit report. Default: pytest.
   */
  readonly testCommand?: string;
  /** An existing folder for temporary files. */
  readonly scratch: string;
}

/** A sample folder in memory: `files` are its content, ready for `packFiles`. */
export interface ImportedSample {
  readonly sampleId: string;
  readonly commit: string;
  readonly files: readonly MemoryFile[];
}

export type ImportOutcome = {
  /** Of the file, from 1. */
  readonly line: number;
  readonly instanceId: string | undefined;
} & (
  | { readonly sample: ImportedSample; readonly problem?: undefined }
  | { readonly sample?: undefined; readonly problem: string }
);

/**
 * Makes samples of the lines of a SWE-bench file. An entry that can't be used is an outcome with its problem,
 * and the rest goes on.
 * @throws {CodesetError} INVALID_REPOSITORY when the repository itself can't be read.
 */
export async function* importSweBench(
  lines: AsyncIterable<string> | Iterable<string>,
  options: SweBenchOptions,
): AsyncGenerator<ImportOutcome> {
  const folder = await mkdtemp(path.join(options.scratch, 'import-'));
  try {
    const view = await openRepository(options.repository, folder);
    const seen = new Map<string, number>();
    let line = 0;
    for await (const text of lines) {
      line += 1;
      if (text.trim() === '') continue;
      const instanceId = idOf(text);
      try {
        const sample = await importEntry(parseEntry(text), view, options);
        const earlier = seen.get(sample.sampleId);
        if (earlier !== undefined) throw new ImportError(`has the same id as line ${earlier}`);
        seen.set(sample.sampleId, line);
        yield { line, instanceId, sample };
      } catch (error) {
        if (!(error instanceof ImportError) && !(error instanceof CodesetError)) throw error;
        yield { line, instanceId, problem: error.message };
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function importEntry(
  entry: SweBenchEntry,
  view: string,
  options: SweBenchOptions,
): Promise<ImportedSample> {
  const { baseCommit } = entry;
  const sampleId = entry.instanceId.toLowerCase();
  if (!ID_PATTERN.test(sampleId))
    throw new ImportError('instance_id has characters that a sample id can not have');
  const type = await tryGit(['cat-file', '-t', baseCommit], { cwd: view });
  if (type.stdout.toString().trim() !== 'commit')
    throw new ImportError(`the repository does not hold base_commit ${baseCommit}`);
  const tests = await applyToCommit(view, baseCommit, entry.testPatch, 'test_patch');
  const solved = await applyToCommit(view, baseCommit, entry.patch, 'patch');

  const manifest = stringify(manifestOf(entry, sampleId, tests, solved, options), { lineWidth: 110 });
  // What the server would refuse is told here, as a problem of this entry.
  parseManifest(manifest);
  const files: MemoryFile[] = [
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: `${entry.problemStatement.trim()}\n` },
    { path: 'solution/solution.patch', content: `${entry.patch.replace(/\n*$/, '')}\n` },
    { path: 'verification/run', content: verificationScript(tests), executable: true },
    { path: 'verification/test.sh', content: testCommand(entry, tests, options.testCommand) },
    ...tests.changed.map(({ path: name, content, executable }) => ({
      path: `verification/files/${name}`,
      content,
      executable,
    })),
  ];
  return { sampleId, commit: baseCommit, files };
}

function testCommand(entry: SweBenchEntry, tests: PatchedTree, custom: string | undefined): string {
  const files = testFiles(entry, tests);
  if (custom !== undefined) return `${custom.replaceAll('{files}', files.map(quote).join(' '))}\n`;
  if (files.length === 0)
    throw new ImportError('none of the files that its tests name is in the repository; give a test command');
  return pytestCommand(files);
}

function testFiles(entry: SweBenchEntry, tests: PatchedTree): string[] {
  const named = [...entry.failToPass, ...entry.passToPass].flatMap((name) => {
    const separator = name.indexOf('::');
    return separator < 0 ? [] : [name.slice(0, separator)];
  });
  const changed = tests.changed.map(({ path: name }) => name).filter((name) => /(?:^|\/)[^/]*test[^/]*\.py$/.test(name));
  // pytest runs nothing at all when one of its files is missing.
  return [...new Set([...named, ...changed])].filter((name) => tests.paths.has(name)).sort();
}

/** The folder that all files are in: a canary elsewhere would have pytest look for its settings elsewhere, too. */
function commonFolder(files: readonly string[]): string {
  const folders = files.map((file) => file.split('/').slice(0, -1));
  const first = folders[0] ?? [];
  const differs = first.findIndex((name, place) => folders.some((folder) => folder[place] !== name));
  return first.slice(0, differs < 0 ? undefined : differs).join('/');
}

/** Which of these paths would be put back from the sample unless it says that they are kept. */
function hardened(paths: readonly string[]): string[] {
  const files = new PlantedFiles([], paths);
  return paths
    .filter((path) => files.isPickedUp(path, true) || files.isPickedUp(path, false) || holdsSettings(path))
    .sort();
}

function manifestOf(
  entry: SweBenchEntry,
  sampleId: string,
  tests: PatchedTree,
  solved: PatchedTree,
  options: SweBenchOptions,
): Record<string, unknown> {
  const protectedPaths = [...tests.changed.map(({ path: name }) => name), ...tests.removed].sort();
  const solution = [...solved.changed.map(({ path: name }) => name), ...solved.removed];
  const keep = hardened(solution);
  const folder = commonFolder(testFiles(entry, tests));
  const firstLine = entry.problemStatement.trim().split(/\r?\n/, 1)[0] ?? '';
  return {
    sample_id: sampleId,
    source_id: entry.instanceId,
    dataset: options.dataset,
    description: firstLine.slice(0, 200),
    language: 'python',
    tags: ['swe-bench'],
    environment: environmentBlock(entry, options),
    resources: resourcesBlock(options.resources ?? DEFAULT_RESOURCES),
    history: 'past',
    codebase: { git: entry.repo, commit: entry.baseCommit },
    verification: {
      command: ['verification/run'],
      timeout: '30m',
      scope: 'patch',
      grading: 'swe_bench',
      report: { format: 'junit', paths: ['**/*.xml'] },
      // What the reference solution itself changes can't be forbidden.
      ...(keep.length === 0 ? {} : { hardening: { keep } }),
      ...(options.testCommand === undefined
        ? { canary: { runner: 'pytest', ...(folder === '' ? {} : { folder }) } }
        : {}),
      fail_to_pass: entry.failToPass,
      pass_to_pass: entry.passToPass,
      protected_paths: protectedPaths,
    },
  };
}

function environmentBlock(entry: SweBenchEntry, options: SweBenchOptions): Record<string, unknown> {
  const { environment, imageTemplate } = options;
  const image = imageTemplate?.replaceAll('{instance_id}', entry.instanceId.toLowerCase()) ?? environment?.image;
  return {
    ...(environment?.host === undefined ? {} : { host: environment.host }),
    ...(image === undefined ? {} : { image }),
    ...(environment === undefined
      ? {}
      : {
          setup: environment.setup,
          prepare: environment.prepare,
          setup_network: environment.setupNetwork,
          network: environment.network,
          env: environment.env,
          workdir: environment.workdir,
          user: environment.user,
        }),
  };
}

function resourcesBlock({ cpus, memoryBytes, processes, diskBytes }: Resources): Record<string, unknown> {
  return { cpus, memory: memoryBytes, processes, disk: diskBytes };
}
