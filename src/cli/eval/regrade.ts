import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { PatchAgent } from '../../eval/agents/patch-agent.js';
import { attemptKey, keyOf } from '../../eval/attempt.js';
import { RunFolder, RunFolderError } from '../../eval/run-folder.js';
import type { Cli } from '../context.js';
import { CommandError, NEGATIVE, UsageError } from '../exit-status.js';
import { withCommonOptions } from '../options.js';
import { carryOut, connectClient } from './carry-out.js';
import { selected, withRunOptions, type RunOptions } from './run-options.js';

export function evalRegradeCommand(cli: Cli): Command {
  const command = withRunOptions(withCommonOptions(new Command('regrade')))
    .description('judge the patches of a run again, by the latest versions of its samples')
    .argument('<DIR>', 'the folder of the run, which is left as it is');
  return command.action((dir: string, options: RunOptions) =>
    cli.run(command, async (context) => {
      if (options.out === undefined) throw new UsageError('Name the folder of the new run with --out.');
      const path = resolve(dir);
      if (path === resolve(options.out))
        throw new UsageError('--out must be another folder than the run’s own.');
      const { record, results } = await RunFolder.read(path).catch((error: unknown) => {
        throw error instanceof RunFolderError ? new CommandError(error.message, NEGATIVE) : error;
      });
      const files = new Map(results.map((result) => [keyOf(result), result.files]));
      const agent = new PatchAgent(async ({ sample, number }) => {
        const at = files.get(attemptKey(sample.sampleId, number));
        return at === undefined ? undefined : await patchIn(join(path, at));
      });
      const samples = selected(
        record.samples.map(({ sampleId }) => sampleId),
        undefined,
      );
      const plan = { asked: { agent: 'regrade', of: path, attempts: record.attempts }, samples, agent };
      await using client = await connectClient(context);
      return await carryOut(context, client, plan, options);
    }),
  );
}

/** Undefined where the attempt left none: of `oracle` there never is one. */
async function patchIn(folder: string): Promise<Buffer | undefined> {
  try {
    return await readFile(join(folder, 'diff.patch'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
