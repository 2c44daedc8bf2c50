import { InvalidArgumentError, Option, type Command } from 'commander';
import type { CodesetClient } from '../../client/client.js';
import type { EvalSample } from '../../eval/attempt.js';
import { sampleRef, wholeNumber } from '../options.js';

/** Options of everything that makes attempts. */
export interface RunOptions {
  readonly out: string;
  readonly concurrency: number;
  readonly retries: number;
  readonly rerun?: 'errors';
  readonly failUnder?: number;
}

/** Options of every command that makes attempts. */
export function withRunOptions(command: Command): Command {
  return command
    .option('--out <DIR>', 'the folder of the run; what is there already goes on')
    .addOption(new Option('--concurrency <N>', 'attempts side by side').argParser(wholeNumber).default(4))
    .addOption(
      new Option('--retries <N>', 'how often an attempt that the service spoilt is made again')
        .argParser(count)
        .default(2),
    )
    .addOption(new Option('--rerun <WHAT>', 'make unscored attempts again').choices(['errors']))
    .addOption(
      new Option('--fail-under <RATE>', 'exit with status 1 when the pass rate is lower, 0 to 1').argParser(
        rate,
      ),
    );
}

/** Pinned to the versions that are the latest now, or that are named. */
export function selected(
  ids: readonly string[] | undefined,
  dataset: string | undefined,
): (client: CodesetClient) => Promise<readonly EvalSample[]> {
  const named = ids?.map((id) => sampleRef(id));
  return async (client) => {
    const found = new Map<string, EvalSample>();
    const add = ({ sampleId, version, dataset: of, sourceId }: EvalSample): void => {
      found.set(sampleId, { sampleId, version, dataset: of, sourceId });
    };
    if (named === undefined) for await (const sample of client.samples.list({ dataset })) add(sample);
    else for (const ref of named) add(await client.samples.get(ref));
    return [...found.values()].sort((a, b) => (a.sampleId < b.sampleId ? -1 : 1));
  };
}

function count(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('Expected a whole number, 0 for never.');
  return Number(text);
}

function rate(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('Expected a rate from 0 to 1.');
  return value;
}
