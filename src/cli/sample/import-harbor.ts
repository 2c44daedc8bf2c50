import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { registerSample } from '../../client/registration.js';
import type { Sample } from '../../client/types.js';
import { importHarbor, type HarborOptions } from '../../samples/import/harbor.js';
import { packFiles } from '../../samples/pack.js';
import type { Cli } from '../context.js';
import { withCommonOptions } from '../options.js';
import { datasetOf } from './dataset-name.js';
import { ImportRun } from './import-run.js';

interface ImportHarborOptions {
  readonly dataset?: string;
  readonly network?: 'none' | 'public';
  readonly wait: boolean;
}

const EXAMPLES = `
Examples:
  codeset sample import harbor ./hello-world                 # one task: task.toml, instruction.md, environment/, tests/
  codeset sample import harbor ./terminal-bench-2 --dataset terminal-bench-2       # a folder of tasks
  codeset sample import harbor ./tasks --network none        # whatever they say of the internet

Such samples need the Docker engine. Check them with \`codeset sample validate\`: the reference solution has to pass and
the untouched environment to fail. docs/importing.md says what becomes of each setting.`;

/** What only a task's folder has, also one whose settings are missing. */
const SIGNS = ['task.toml', 'task.yaml', 'instruction.md'];

export function importHarborCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('harbor'))
    .description('register Harbor or Terminal-Bench task folders; a bad one does not stop the rest')
    .argument('<DIR...>', 'task folders, or folders of them')
    .option('--dataset <NAME>', "the samples' dataset (default: the name of the folder that a task is in)")
    .addOption(
      new Option(
        '--network <MODE>',
        'the network of sessions and verifications (default: as each task says)',
      ).choices(['none', 'public']),
    )
    .option('--no-wait', 'do not wait for the preparation')
    .addHelpText('after', EXAMPLES);
  return command.action((folders: string[], options: ImportHarborOptions) =>
    cli.run(command, async (context) => {
      const { samples } = await context.connect();
      const tasks = (await Promise.all(folders.map(tasksIn))).flat();
      using run = new ImportRun(context, tasks.length);
      for (const task of tasks) {
        const name = basename(resolve(task));
        run.progress.at(name, 'is packed');
        try {
          run.registered(await register(samples, task, options, run));
        } catch (error) {
          run.bad(task, error);
        }
        run.progress.leave(name);
      }
      return await run.end(samples, options.wait);
    }),
  );
}

async function register(
  samples: SampleClient,
  task: string,
  { dataset, network }: ImportHarborOptions,
  run: ImportRun,
): Promise<Sample> {
  const options: HarborOptions = {
    dataset: dataset ?? datasetOf(basename(dirname(resolve(task))), 'harbor'),
    ...(network === undefined ? {} : { network }),
  };
  const imported = await importHarbor(task, options);
  run.claim(imported.sampleId, task);
  const { sample } = await registerSample(samples, packFiles(imported.files), undefined);
  if (sample === undefined) throw new Error('The server answered without a sample.');
  run.unmapped.add(imported.unmapped);
  return sample;
}

/** The folder itself, or the task folders in it; what is neither is a task that will be told to be none. */
async function tasksIn(folder: string): Promise<readonly string[]> {
  if (await isTask(folder)) return [folder];
  const names = await readdir(folder).catch(() => []);
  const tasks: string[] = [];
  for (const name of names.toSorted((a, b) => (a < b ? -1 : 1)))
    if (await isTask(join(folder, name))) tasks.push(join(folder, name));
  return tasks.length > 0 ? tasks : [folder];
}

async function isTask(folder: string): Promise<boolean> {
  for (const name of SIGNS) {
    const info = await stat(join(folder, name)).catch(() => undefined);
    if (info?.isFile() === true) return true;
  }
  return false;
}
