import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { registerSample, uploadRepository } from '../../client/registration.js';
import { readEntryFile, type EntryFile } from '../../samples/import/entry-file.js';
import { ImportError } from '../../samples/import/import-error.js';
import type { ImportedSample, ImportOptions, ImportOutcome } from '../../samples/import/instances.js';
import { parseEnvironmentFile } from '../../samples/manifest.js';
import { bundleRepository, packFiles } from '../../samples/pack.js';
import type { Cli } from '../context.js';
import { CommandError, NEGATIVE, UsageError } from '../exit-status.js';
import { counted } from '../live/counted.js';
import { withCommonOptions } from '../options.js';
import { cloneFromGitHub } from './clone.js';
import { datasetOf } from './dataset-name.js';
import { ImportRun } from './import-run.js';

interface EntryOptions {
  readonly dataset?: string;
  readonly repo?: string;
  readonly environment?: string;
  readonly imageTemplate?: string;
  readonly testCommand?: string;
  readonly wait: boolean;
}

type Importing = AsyncGenerator<ImportOutcome>;

/** A format that is a file of entries, each on a commit of a repository. */
export interface EntryFormat {
  readonly name: string;
  readonly description: string;
  readonly examples: string;
  /** @param ownDatasets whether what an entry says of its dataset counts */
  importEntries(
    entries: readonly string[],
    options: ImportOptions,
    place: string,
    ownDatasets: boolean,
  ): Importing;
}

export function importEntriesCommand(cli: Cli, format: EntryFormat): Command {
  const command = withCommonOptions(new Command(format.name))
    .description(format.description)
    .argument('<FILE>', '.jsonl, .json or .parquet; told by its content')
    .option('--dataset <NAME>', "the samples' dataset (default: the file's name)")
    .option(
      '--repo <REPO_OR_BUNDLE>',
      'a clone or a git bundle on this machine with the base commits (default: cloned from GitHub)',
    )
    .option('--environment <FILE.yaml>', 'the environment block that all of them get')
    .option(
      '--image-template <NAME>',
      'an image each; {instance_id} stands for the id, {dockerhub_id} for that with _1776_ for __, {FIELD} for a field',
    )
    .option(
      '--test-command <CMD>',
      'runs the tests and writes JUnit XML to $CODESET_REPORT_DIR (default: pytest)',
    )
    .option('--no-wait', 'do not wait for the preparation')
    .addHelpText('after', format.examples);
  return command.action((file: string, options: EntryOptions) =>
    cli.run(command, async (context) => {
      if (options.environment === undefined && options.imageTemplate === undefined)
        throw new UsageError(
          'Say what the samples run in: --environment FILE.yaml or --image-template NAME.',
        );
      const { entries, place } = await entriesOf(file);
      if (entries.every((entry) => entry.trim() === ''))
        throw new CommandError(`There is no entry in ${file}.`, NEGATIVE);
      const settings = await settingsOf(file, options);
      const { samples } = await context.connect();
      using run = new ImportRun(context, entries.filter((entry) => entry.trim() !== '').length);
      const scratch = await mkdtemp(join(tmpdir(), 'codeset-'));
      try {
        for (const [repository, its] of byRepository(entries, options.repo)) {
          // Clones of many repositories would fill the disk.
          const clones = await mkdtemp(join(scratch, 'clone-'));
          try {
            run.progress.at(repository, options.repo === undefined ? 'is cloned from GitHub' : 'is read');
            const from = options.repo ?? (await cloneFromGitHub(repository, clones));
            const all = { ...settings, repository: from, scratch };
            const importing = format.importEntries(its, all, place, options.dataset === undefined);
            const told = run.unmapped.noting(importing);
            const where = { place, name: repository, repository: from, scratch };
            await register(samples, told, where, run);
          } catch (error) {
            // One repository that can't be had is bad luck for its own entries; the one that was named, for all.
            if (options.repo !== undefined) throw error;
            for (const text of its) if (text.trim() !== '') run.bad(repository, error);
          } finally {
            await rm(clones, { recursive: true, force: true });
            run.progress.leave(repository);
          }
        }
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
      return await run.end(samples, options.wait);
    }),
  );
}

async function entriesOf(file: string): Promise<EntryFile> {
  return readEntryFile(file).catch((error: unknown) => {
    if (!(error instanceof ImportError)) throw error;
    throw new CommandError(error.message, NEGATIVE, { cause: error });
  });
}

/** Registers what was imported of one repository, which is uploaded once. */
async function register(
  samples: SampleClient,
  importing: Importing,
  from: {
    readonly place: string;
    /** What people call the repository. */
    readonly name: string;
    readonly repository: string;
    readonly scratch: string;
  },
  run: ImportRun,
): Promise<void> {
  const { place, name, repository, scratch } = from;
  const imported: ImportedSample[] = [];
  for await (const { line, instanceId, sample, problem } of importing) {
    if (sample !== undefined) imported.push(sample);
    else run.bad(`${place} ${line}${instanceId === undefined ? '' : ` (${instanceId})`}`, new Error(problem));
  }
  if (imported.length === 0) return;
  const commits = imported.map(({ commit }) => commit);
  run.progress.at(name, `${imported.length} commits are packed`);
  await using bundle = await bundleRepository(repository, commits, scratch);
  run.progress.at(name, 'is uploaded');
  const content = () => counted(bundle.content(), (done) => run.progress.moved(name, done, bundle.bytes));
  await uploadRepository(samples, { sha256: bundle.sha256, bytes: bundle.bytes, content });
  for (const { sampleId, commit, files } of imported) {
    run.progress.at(name, `${sampleId} is registered`);
    try {
      run.claim(sampleId, `one of ${name}`);
      const codebase = { sha256: bundle.sha256, commit };
      const { sample } = await registerSample(samples, packFiles(files), codebase);
      if (sample !== undefined) run.registered(sample);
    } catch (error) {
      run.bad(sampleId, error);
    }
  }
}

/**
 * The file's lines for each repository that they name, all others left empty, so that lines keep their numbers.
 * A line that names none comes with the first.
 */
export function* byRepository(
  lines: readonly string[],
  only: string | undefined,
): Generator<readonly [repository: string, lines: readonly string[]]> {
  if (only !== undefined) return yield [only, lines];
  const places = new Map<string, number[]>();
  const nameless: number[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const name = repositoryOf(line);
    if (name === '') nameless.push(i);
    else {
      const its = places.get(name);
      if (its === undefined) places.set(name, [i]);
      else its.push(i);
    }
  }
  const [first = ''] = places.keys();
  places.set(first, [...(places.get(first) ?? []), ...nameless]);
  // One after another: a file may name thousands, and all lines of each are many.
  for (const [repository, its] of places) {
    const own = lines.map(() => '');
    for (const i of its) own[i] = lines[i] ?? '';
    yield [repository, own];
  }
}

function repositoryOf(line: string): string {
  try {
    const entry = JSON.parse(line) as { org?: unknown; repo?: unknown } | null;
    if (typeof entry?.repo !== 'string') return '';
    // Multi-SWE-bench names the two apart.
    return typeof entry.org === 'string' && !entry.repo.includes('/')
      ? `${entry.org}/${entry.repo}`
      : entry.repo;
  } catch {
    return '';
  }
}

async function settingsOf(
  file: string,
  options: EntryOptions,
): Promise<Omit<ImportOptions, 'repository' | 'scratch'>> {
  const { environment, imageTemplate, testCommand } = options;
  const block =
    environment === undefined ? undefined : parseEnvironmentFile(await readText(environment), environment);
  return {
    dataset: options.dataset ?? datasetOf(file, 'swe-bench'),
    environment: block?.environment,
    ...(block === undefined ? {} : { resources: block.resources }),
    ...(imageTemplate === undefined ? {} : { imageTemplate }),
    ...(testCommand === undefined ? {} : { testCommand }),
  };
}

async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new CommandError(`There is no file ${file} that can be read.`, NEGATIVE, { cause });
  });
}
