import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ID_PATTERN } from '../../samples/manifest.js';
import { skeleton, SKELETON_NAMES } from '../../samples/skeleton/skeleton.js';
import { writeFiles } from '../../samples/write-files.js';
import type { Cli } from '../context.js';
import { CommandError, DONE, NEGATIVE, UsageError } from '../exit-status.js';

interface InitOptions {
  readonly language: string;
  readonly dataset: string;
  readonly json?: boolean;
}

const EXAMPLES = `
Examples:
  codeset sample init samples/own/count-words                # in Python
  codeset sample init samples/own/count-words --language go --dataset own`;

export function sampleInitCommand(cli: Cli): Command {
  const command = new Command('init')
    .description("write a new sample's folder: small and whole, to be changed into your own")
    .argument('<DIR>', 'a folder that is not there yet, or empty; its name becomes the sample id')
    .addOption(new Option('--language <NAME>', 'of the code').choices(SKELETON_NAMES).default('python'))
    .option('--dataset <NAME>', "the sample's dataset", 'own')
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', EXAMPLES);
  return command.action((folder: string, { language, dataset }: InitOptions) =>
    cli.run(command, async ({ out }) => {
      const sampleId = basename(resolve(folder)).toLowerCase();
      if (!ID_PATTERN.test(sampleId))
        throw new UsageError(
          `"${sampleId}" is no sample id: name the folder in letters, digits, ".", "_" and "-".`,
        );
      if (!ID_PATTERN.test(dataset))
        throw new UsageError(
          `"${dataset}" is no dataset's name: use small letters, digits, ".", "_" and "-".`,
        );
      const there = await readdir(folder).catch((cause: unknown) => {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw new CommandError(`${folder} can't be written to: ${(cause as Error).message}`, NEGATIVE, {
          cause,
        });
      });
      if (there.length > 0)
        throw new CommandError(`${folder} is not empty; name a folder that is not there yet.`, NEGATIVE);
      const files = skeleton(language, sampleId, dataset);
      await writeFiles(folder, files);
      if (out.json) {
        await out.document({ sampleId, files: files.map(({ path }) => join(folder, path)) });
        return DONE;
      }
      for (const { path } of files) out.line(join(folder, path));
      out.note(`
It is a whole sample: a program that counts words wrong. Make it your own:
  task.md          what the agent is told
  codebase/        what it finds; or name a repository in sample.yaml, codebase: {git: …, commit: …}
  verification/    how it is judged, hidden from it; the tests that count are listed in sample.yaml
  solution/        the reference solution, hidden too

Then:
  codeset sample lint ${folder}
  codeset sample add ${folder}
  codeset sample validate ${sampleId}     # fails untouched, passes with the solution, each time
  codeset sample audit ${sampleId}        # can it be cheated?`);
      return DONE;
    }),
  );
}
