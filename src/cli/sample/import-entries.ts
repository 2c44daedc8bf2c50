import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import { prepared, registerSample, uploadRepository } from '../../client/registration.js';
import type { Sample } from '../../client/types.js';
import { sampleState } from '../../client/words.js';
import { readEntryFile, type EntryFile } from '../../samples/import/entry-file.js';
import { ImportError } from '../../samples/import/import-error.js';
import type { ImportedSample, ImportOptions, ImportOutcome } from '../../samples/import/instances.js';
import { parseEnvironmentFile } from '../../samples/manifest.js';
import { bundleRepository, packFiles } from '../../samples/pack.js';
import type { Cli } from '../context.js';
import { CommandError, DONE, NEGATIVE, sentenceOf, UsageError } from '../exit-status.js';
import { withCommonOptions } from '../options.js';
import { cloneFromGitHub } from './clone.js';
import { datasetOf } from './dataset-name.js';
import { UnmappedFields } from './unmapped-fields.js';

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

/** Told of each entry that can't be used. */
type Bad = (name: string, error: unknown) => void;

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
      const { out, config } = context;
      if (options.environment === undefined && options.imageTemplate === undefined)
        throw new UsageError(
          'Say what the samples run in: --environment FILE.yaml or --image-template NAME.',
        );
      const { entries, place } = await entriesOf(file);
      const settings = await settingsOf(file, options);
      const { samples } = await context.connect();
      const registered: Sample[] = [];
      let failed = 0;
      const bad: Bad = (name, error) => {
        // Without a server the next one fares no better.
        if (error instanceof CodesetClientError && error.unreachable) throw error;
        failed += 1;
        out.note(`${name}: ${sentenceOf(error, config.address)}`);
      };
      const unmapped = new UnmappedFields();
      const scratch = await mkdtemp(join(tmpdir(), 'codeset-'));
      try {
        for (const [repository, its] of byRepository(entries, options.repo)) {
          try {
            const from = options.repo ?? (await cloneFromGitHub(repository, scratch));
            const all = { ...settings, repository: from, scratch };
            const importing = format.importEntries(its, all, place, options.dataset === undefined);
            const told = unmapped.noting(importing);
            registered.push(...(await register(samples, told, { place, repository: from, scratch, bad })));
          } catch (error) {
            // One repository that can't be had is bad luck for its own entries; the one that was named, for all.
            if (options.repo !== undefined) throw error;
            for (const text of its) if (text.trim() !== '') bad(repository, error);
          }
        }
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
      let ready = 0;
      for (const sample of registered) {
        const done = options.wait ? await prepared(samples, sample) : sample;
        const state = sampleState(done.state);
        if (state === 'ERROR') bad(done.sampleId, new Error(done.error));
        else ready += 1;
        if (!out.json && state !== 'ERROR') out.line(`${done.sampleId}@${done.version}  ${state}`);
      }
      for (const line of unmapped.lines()) out.note(line);
      if (out.json) await out.document({ imported: ready, failed });
      else out.line(`${ready} imported, ${failed} failed`);
      return failed === 0 ? DONE : NEGATIVE;
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
    readonly repository: string;
    readonly scratch: string;
    readonly bad: Bad;
  },
): Promise<Sample[]> {
  const { place, repository, scratch, bad } = from;
  const imported: ImportedSample[] = [];
  for await (const { line, instanceId, sample, problem } of importing) {
    if (sample !== undefined) imported.push(sample);
    else bad(`${place} ${line}${instanceId === undefined ? '' : ` (${instanceId})`}`, new Error(problem));
  }
  if (imported.length === 0) return [];
  const commits = imported.map(({ commit }) => commit);
  await using bundle = await bundleRepository(repository, commits, scratch);
  await uploadRepository(samples, bundle);
  const registered: Sample[] = [];
  for (const { sampleId, commit, files } of imported) {
    try {
      const codebase = { sha256: bundle.sha256, commit };
      const { sample } = await registerSample(samples, packFiles(files), codebase);
      if (sample !== undefined) registered.push(sample);
    } catch (error) {
      bad(sampleId, error);
    }
  }
  return registered;
}

/**
 * The file's lines for each repository that they name, all others left empty, so that lines keep their numbers.
 * A line that names none comes with the first.
 */
export function byRepository(
  lines: readonly string[],
  only: string | undefined,
): ReadonlyMap<string, readonly string[]> {
  if (only !== undefined) return new Map([[only, lines]]);
  const names = lines.map((line) => (line.trim() === '' ? undefined : repositoryOf(line)));
  const known = new Set(names.filter((name) => name !== undefined && name !== ''));
  const first = [...known][0] ?? '';
  if (known.size === 0) known.add('');
  return new Map(
    [...known].map((repository) => [
      repository ?? '',
      lines.map((line, i) => ((names[i] === '' ? first : names[i]) === repository ? line : '')),
    ]),
  );
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
