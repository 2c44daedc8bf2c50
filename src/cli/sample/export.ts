import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import { exportHarbor } from '../../samples/export/harbor.js';
import { ExportError } from '../../samples/export/export-error.js';
import { SampleFolder } from '../../samples/export/sample-folder.js';
import { exportSweBench } from '../../samples/export/swe-bench.js';
import { writeFiles } from '../../samples/write-files.js';
import type { Cli, CommandContext } from '../context.js';
import { DONE, NEGATIVE, sentenceOf, statusOf } from '../exit-status.js';
import { withCommonOptions } from '../options.js';
import { namedSamples, type Ref } from './named-samples.js';
import { UnmappedFields } from './unmapped-fields.js';

interface ExportOptions {
  readonly dataset?: string;
  readonly out: string;
}

/** Takes one sample over. @returns names of what has no place */
type Take = (folder: SampleFolder) => Promise<readonly string[]>;

const EXAMPLES = {
  sweBench: `
Examples:
  codeset sample export swe-bench owner__name-1 owner__name-2 --out instances.jsonl
  codeset sample export swe-bench --dataset swe-bench_lite --out lite.jsonl

Only samples that came from such a file, or from Codeset's, have a place there. docs/importing.md says what is left out.`,
  harbor: `
Examples:
  codeset sample export harbor median-of-even-lists --out tasks       # tasks/median-of-even-lists/task.toml, …
  codeset sample export harbor --dataset examples --out tasks

A sample needs an image, and its exit status decides. docs/importing.md says what is left out.`,
};

export function sampleExportCommand(cli: Cli): Command {
  return new Command('export')
    .description('write samples in another format, hidden parts and solutions included')
    .addCommand(sweBenchCommand(cli))
    .addCommand(harborCommand(cli));
}

function sweBenchCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('swe-bench'))
    .description('as entries of a SWE-bench file; one that has no place there does not stop the rest')
    .argument('[ID...]', '[DATASET/]SAMPLE_ID[@VERSION]; none: all')
    .option('--dataset <NAME>', 'only of this dataset')
    .requiredOption('--out <FILE.jsonl>', 'the file, which is written anew')
    .addHelpText('after', EXAMPLES.sweBench);
  return command.action((ids: string[], options: ExportOptions) =>
    cli.run(command, async (context) => {
      const lines: string[] = [];
      const status = await exportAll(context, ids, options, async (folder) => {
        const { entry, unmapped } = exportSweBench(folder);
        lines.push(`${JSON.stringify(entry)}\n`);
        return unmapped;
      });
      // What was there is not emptied for nothing.
      if (lines.length === 0) return status;
      await mkdir(dirname(options.out), { recursive: true });
      await writeFile(options.out, lines.join(''));
      return status;
    }),
  );
}

function harborCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('harbor'))
    .description('as Harbor task folders; one that has no place there does not stop the rest')
    .argument('[ID...]', '[DATASET/]SAMPLE_ID[@VERSION]; none: all')
    .option('--dataset <NAME>', 'only of this dataset')
    .requiredOption('--out <DIR>', 'a folder; each sample becomes one in it')
    .addHelpText('after', EXAMPLES.harbor);
  return command.action((ids: string[], options: ExportOptions) =>
    cli.run(command, (context) =>
      exportAll(context, ids, options, async (folder) => {
        const { files, unmapped } = exportHarbor(folder);
        const task = join(options.out, folder.manifest.sampleId);
        if ((await readdir(task).catch(() => [])).length > 0)
          throw new ExportError(
            `has the folder ${task} already, which is not empty; remove it, or name another --out`,
          );
        try {
          await writeFiles(task, files);
        } catch (error) {
          await rm(task, { recursive: true, force: true });
          throw error;
        }
        return unmapped;
      }),
    ),
  );
}

async function exportAll(
  context: CommandContext,
  ids: readonly string[],
  { dataset }: ExportOptions,
  take: Take,
): Promise<number> {
  const { out, config } = context;
  const named = namedSamples(ids, dataset);
  const { samples } = await context.connect();
  const unmapped = new UnmappedFields();
  let exported = 0;
  let failed = 0;
  for (const ref of await named(samples)) {
    try {
      unmapped.add(await take(await download(samples, ref)));
      exported += 1;
    } catch (error) {
      // Without a server, or as somebody who may not, the next one fares no better.
      const refused = error instanceof CodesetClientError && statusOf(error) !== NEGATIVE;
      if (refused || !(error instanceof CodesetClientError || error instanceof ExportError)) throw error;
      failed += 1;
      out.note(`${ref.sampleId}: ${sentenceOf(error, config.address)}`);
    }
  }
  for (const line of unmapped.lines('the other format')) out.note(line);
  if (out.json) await out.document({ exported, failed });
  else out.line(`${exported} exported, ${failed} failed`);
  return failed === 0 ? DONE : NEGATIVE;
}

function download(samples: SampleClient, sample: Ref): Promise<SampleFolder> {
  async function* data(): AsyncGenerator<Uint8Array> {
    for await (const message of samples.downloadSample({ sample })) yield message.data;
  }
  return SampleFolder.read(Readable.from(data(), { objectMode: false }));
}
