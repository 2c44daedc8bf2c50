import { createReadStream } from 'node:fs';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import { CodesetClientError } from '../../client/errors.js';
import { prepared, registerSample, uploadRepository } from '../../client/registration.js';
import type { Sample } from '../../client/types.js';
import { sampleState } from '../../client/words.js';
import { importSweBench, type ImportedSample } from '../../samples/import/swe-bench.js';
import { parseEnvironmentFile } from '../../samples/manifest.js';
import { bundleRepository, packFiles } from '../../samples/pack.js';
import type { Cli } from '../context.js';
import { CommandError, DONE, NEGATIVE, sentenceOf, UsageError } from '../exit-status.js';
import { withCommonOptions } from '../options.js';

interface ImportOptions {
  readonly dataset?: string;
  readonly repo: string;
  readonly environment?: string;
  readonly imageTemplate?: string;
  readonly testCommand?: string;
  readonly wait: boolean;
}

export function importSweBenchCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('swe-bench'))
    .description('register the instances of a SWE-bench file; a bad one does not stop the rest')
    .argument('<FILE.jsonl>', 'one instance a line')
    .option('--dataset <NAME>', "the samples' dataset (default: the file's name)")
    .requiredOption(
      '--repo <REPO_OR_BUNDLE>',
      'a clone or a git bundle on this machine with the base commits',
    )
    .addOption(
      new Option('--environment <FILE.yaml>', 'the environment block that all of them get').conflicts(
        'imageTemplate',
      ),
    )
    .option('--image-template <NAME>', 'an image each; {instance_id} stands for the id')
    .option(
      '--test-command <CMD>',
      'runs the tests and writes JUnit XML to $CODESET_REPORT_DIR (default: pytest)',
    )
    .option('--no-wait', 'do not wait for the preparation');
  return command.action((file: string, options: ImportOptions) =>
    cli.run(command, async (context) => {
      const { out, config } = context;
      if (options.environment === undefined && options.imageTemplate === undefined)
        throw new UsageError(
          'Say what the samples run in: --environment FILE.yaml or --image-template NAME.',
        );
      await access(file).catch((cause: unknown) => {
        throw new CommandError(`There is no file ${file} that can be read.`, NEGATIVE, { cause });
      });
      const block =
        options.environment === undefined
          ? undefined
          : parseEnvironmentFile(await readFile(options.environment, 'utf8'), options.environment);
      const { samples } = await context.connect();
      const scratch = await mkdtemp(join(tmpdir(), 'codeset-'));
      try {
        let failed = 0;
        const imported: ImportedSample[] = [];
        const bad = (name: string, problem: string): void => {
          failed += 1;
          out.note(`${name}: ${problem}`);
        };
        const outcomes = importSweBench(linesOf(file), {
          dataset: options.dataset ?? datasetOf(file),
          repository: options.repo,
          environment: block?.environment,
          ...(block === undefined ? {} : { resources: block.resources }),
          ...(options.imageTemplate === undefined ? {} : { imageTemplate: options.imageTemplate }),
          ...(options.testCommand === undefined ? {} : { testCommand: options.testCommand }),
          scratch,
        });
        for await (const { line, instanceId, sample, problem } of outcomes) {
          if (sample === undefined)
            bad(`line ${line}${instanceId === undefined ? '' : ` (${instanceId})`}`, problem);
          else imported.push(sample);
        }
        const registered: Sample[] = [];
        if (imported.length > 0) {
          const commits = imported.map(({ commit }) => commit);
          await using bundle = await bundleRepository(options.repo, commits, scratch);
          await uploadRepository(samples, bundle);
          for (const { sampleId, commit, files } of imported) {
            try {
              const codebase = { sha256: bundle.sha256, commit };
              const { sample } = await registerSample(samples, packFiles(files), codebase);
              if (sample !== undefined) registered.push(sample);
            } catch (error) {
              if (error instanceof CodesetClientError && error.unreachable) throw error;
              bad(sampleId, sentenceOf(error, config.address));
            }
          }
        }
        let ready = 0;
        for (const sample of registered) {
          const done = options.wait ? await prepared(samples, sample) : sample;
          const state = sampleState(done.state);
          if (state === 'ERROR') bad(done.sampleId, done.error);
          else ready += 1;
          if (!out.json && state !== 'ERROR') out.line(`${done.sampleId}@${done.version}  ${state}`);
        }
        if (out.json) await out.document({ imported: ready, failed });
        else out.line(`${ready} imported, ${failed} failed`);
        return failed === 0 ? DONE : NEGATIVE;
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
    }),
  );
}

/** Opened when the first line is asked for: readline loses what it reads before somebody listens. */
async function* linesOf(file: string): AsyncGenerator<string> {
  yield* createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
}

/** `SWE-bench_Lite.jsonl` → `swe-bench_lite`. */
function datasetOf(file: string): string {
  const name = basename(file)
    .replace(/\.jsonl?$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 128);
  return name === '' ? 'swe-bench' : name;
}
