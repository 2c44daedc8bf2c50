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
import { ImportError } from './import-error.js';
import { fieldsOf, idOf, type Instance } from './instance.js';
import { collectingCommand, pytestCommand, quote, verificationScript } from './verification-script.js';

export interface ImportOptions {
  /** Of entries that name none themselves. */
  readonly dataset: string;
  /** A repository or a bundle on this machine that holds the base commits. */
  readonly repository: string;
  /** The environment that all instances get; its image gives way to `imageTemplate`. */
  readonly environment: Environment | undefined;
  readonly resources?: Resources;
  /**
   * An image each: `{instance_id}` stands for the instance's id in small letters, `{dockerhub_id}` for that with
   * `_1776_` in place of `__`, as SWE-bench's own images are named, `{NAME}` for the text of that field of its entry.
   */
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
  /** The entry's place in the file, from 1. */
  readonly line: number;
  readonly instanceId: string | undefined;
} & (
  | {
      readonly sample: ImportedSample;
      /** Names of fields that are filled and of which nothing was made. */
      readonly unmapped: readonly string[];
      readonly problem?: undefined;
    }
  | { readonly sample?: undefined; readonly problem: string }
);

/**
 * Makes samples of entries, each on a commit of one repository. An entry that can't be used is an outcome with its
 * problem, and the rest goes on.
 * @param entries texts; blank ones are passed over
 * @param place what an entry's place is called: `line`
 * @throws {CodesetError} INVALID_REPOSITORY when the repository itself can't be read.
 */
export async function* importInstances(
  entries: AsyncIterable<string> | Iterable<string>,
  parse: (text: string) => Instance,
  options: ImportOptions,
  place = 'line',
): AsyncGenerator<ImportOutcome> {
  const folder = await mkdtemp(path.join(options.scratch, 'import-'));
  try {
    const view = await openRepository(options.repository, folder);
    const seen = new Map<string, number>();
    let line = 0;
    for await (const text of entries) {
      line += 1;
      if (text.trim() === '') continue;
      const instanceId = idOf(text);
      try {
        const instance = parse(text);
        const image = imageOf(text, instance, options);
        const sample = await importEntry(instance, image, view, options);
        const earlier = seen.get(sample.sampleId);
        if (earlier !== undefined) throw new ImportError(`has the same id as ${place} ${earlier}`);
        seen.set(sample.sampleId, line);
        yield { line, instanceId, sample, unmapped: instance.unmapped };
      } catch (error) {
        if (!(error instanceof ImportError) && !(error instanceof CodesetError)) throw error;
        yield { line, instanceId, problem: error.message };
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Undefined where the environment alone says it. @throws {ImportError} */
function imageOf(text: string, { instanceId }: Instance, options: ImportOptions): string | undefined {
  const { imageTemplate, environment } = options;
  if (imageTemplate === undefined) return environment?.image;
  const id = instanceId.toLowerCase();
  const fields: Readonly<Record<string, unknown>> = {
    ...fieldsOf(text),
    instance_id: id,
    dockerhub_id: id.replaceAll('__', '_1776_'),
  };
  return imageTemplate.replace(/\{([^{}]*)\}/g, (_whole, name: string) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (typeof value !== 'string' || value === '')
      throw new ImportError(`has no text in the field ${name}, which the image template names`);
    return value;
  });
}

async function importEntry(
  entry: Instance,
  image: string | undefined,
  view: string,
  options: ImportOptions,
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

  const manifest = stringify(manifestOf(entry, sampleId, tests, solved, { ...options, image }), {
    lineWidth: 110,
  });
  // What the server would refuse is told here, as a problem of this entry.
  parseManifest(manifest);
  const files: MemoryFile[] = [
    { path: 'sample.yaml', content: manifest },
    { path: 'task.md', content: `${entry.problemStatement.trim()}\n` },
    { path: 'solution/solution.patch', content: `${entry.patch.replace(/\n*$/, '')}\n` },
    { path: 'verification/run', content: verificationScript(tests), executable: true },
    // As it came, for who exports it again.
    { path: 'verification/test.patch', content: entry.testPatch },
    { path: 'verification/test.sh', content: testCommand(entry, tests, options.testCommand) },
    ...tests.changed.map(({ path: name, content, executable }) => ({
      path: `verification/files/${name}`,
      content,
      executable,
    })),
  ];
  return { sampleId, commit: baseCommit, files };
}

function testCommand(entry: Instance, tests: PatchedTree, custom: string | undefined): string {
  const files = testFiles(entry, tests);
  if (custom !== undefined)
    return collectingCommand(custom.replaceAll('{files}', files.map(quote).join(' ')), entry.reports);
  if (entry.language !== 'python')
    throw new ImportError(`its tests are in ${entry.language}, and not run by pytest; give a test command`);
  if (files.length === 0)
    throw new ImportError('none of the files that its tests name is in the repository; give a test command');
  return pytestCommand(files);
}

function testFiles(entry: Instance, tests: PatchedTree): string[] {
  const named = [...entry.failToPass, ...entry.passToPass, ...entry.failToFail].flatMap((name) => {
    const separator = name.indexOf('::');
    return separator < 0 ? [] : [fileNamed(name.slice(0, separator), tests.paths)];
  });
  const changed = tests.changed
    .map(({ path: name }) => name)
    .filter((name) => /(?:^|\/)[^/]*test[^/]*\.py$/.test(name));
  // pytest runs nothing at all when one of its files is missing.
  return [...new Set([...named, ...changed])].filter((name) => tests.paths.has(name)).sort();
}

/** The file of `a/test_b.py`, or of the dotted name of a module with or without a class in it: `a.test_b.TestC`. */
function fileNamed(name: string, paths: ReadonlySet<string>): string {
  if (paths.has(name)) return name;
  const words = name.split('.');
  for (let count = words.length; count > 0; count -= 1) {
    const file = `${words.slice(0, count).join('/')}.py`;
    if (paths.has(file)) return file;
  }
  return name;
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
  entry: Instance,
  sampleId: string,
  tests: PatchedTree,
  solved: PatchedTree,
  options: ImportOptions & { readonly image: string | undefined },
): Record<string, unknown> {
  const protectedPaths = [...tests.changed.map(({ path: name }) => name), ...tests.removed].sort();
  const solution = [...solved.changed.map(({ path: name }) => name), ...solved.removed];
  const keep = hardened(solution);
  const folder = commonFolder(testFiles(entry, tests));
  const firstLine = entry.problemStatement.trim().split(/\r?\n/, 1)[0] ?? '';
  const description = entry.description === '' ? firstLine.slice(0, 200) : entry.description;
  return {
    sample_id: sampleId,
    source_id: entry.instanceId,
    dataset: entry.dataset === '' ? options.dataset : entry.dataset,
    description,
    language: entry.language,
    tags: entry.tags,
    environment: environmentBlock(options),
    resources: resourcesBlock(options.resources ?? DEFAULT_RESOURCES),
    history: 'past',
    codebase: { git: entry.repo, commit: entry.baseCommit },
    verification: {
      command: ['verification/run'],
      timeout: '30m',
      scope: 'patch',
      grading: entry.grading,
      report: { format: 'junit', paths: ['**/*.xml'] },
      // What the reference solution itself changes can't be forbidden.
      ...(keep.length === 0 ? {} : { hardening: { keep } }),
      ...(options.testCommand === undefined
        ? { canary: { runner: 'pytest', ...(folder === '' ? {} : { folder }) } }
        : {}),
      fail_to_pass: entry.failToPass,
      pass_to_pass: entry.passToPass,
      ...(entry.failToFail.length === 0 ? {} : { fail_to_fail: entry.failToFail }),
      protected_paths: protectedPaths,
    },
  };
}

function environmentBlock({
  environment,
  image,
}: ImportOptions & { readonly image: string | undefined }): Record<string, unknown> {
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
