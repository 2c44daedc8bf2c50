import { Command, Option } from 'commander';
import type { Agent } from '../../eval/agents/agent.js';
import { CommandAgent } from '../../eval/agents/command-agent.js';
import { OracleAgent } from '../../eval/agents/oracle.js';
import { PatchAgent } from '../../eval/agents/patch-agent.js';
import { NopAgent } from '../../eval/agents/session-agent.js';
import { patchesFor, predictionFor, readPredictions, type Predictions } from '../../eval/predictions.js';
import { RunFolderError } from '../../eval/run-folder.js';
import type { Cli, CommandContext } from '../context.js';
import { CommandError, NEGATIVE, UsageError } from '../exit-status.js';
import { many, milliseconds, wholeNumber, withCommonOptions } from '../options.js';
import { printable } from '../output.js';
import { readInput } from '../read-input.js';
import { carryOut, connectClient, type PlannedRun } from './carry-out.js';
import { evalCompareCommand } from './compare.js';
import { evalRegradeCommand } from './regrade.js';
import { selected, withRunOptions, type RunOptions } from './run-options.js';

const DEFAULT_AGENT_TIMEOUT_MS = 60 * 60 * 1000;

interface EvalOptions extends RunOptions {
  readonly agent?: string;
  readonly predictions?: string;
  readonly dataset?: string;
  readonly sample?: readonly string[];
  readonly attempts?: number;
  readonly agentTimeout: number;
}

const EXAMPLES = `
Examples:
  codeset eval --agent oracle --out runs/oracle              # every sample's own solution: should be 100 %
  codeset eval --agent 'python3 agent.py' --dataset examples --attempts 4 --concurrency 8 --out runs/mine
  codeset eval --predictions preds.jsonl --out runs/preds    # SWE-bench predictions
  codeset eval compare runs/one runs/two

An agent finds CODESET_ADDRESS, CODESET_API_KEY (good for its own session only), CODESET_SESSION_ID,
CODESET_SAMPLE_ID, CODESET_ATTEMPT and CODESET_TASK_FILE in its environment. The same command again goes on with
a run that was stopped or killed.

Exit status: 0 every attempt was scored, 1 the pass rate is below --fail-under, 2 wrong usage,
3 attempts are unscored or missing, 130 stopped.`;

export function evalCommand(cli: Cli): Command {
  const command = withRunOptions(withCommonOptions(new Command('eval').enablePositionalOptions()))
    .description('run an agent over samples side by side, and judge what it did')
    .option('--agent <CMD>', 'a shell line that is the agent; or `oracle`, or `nop`')
    .option('--predictions <FILE>', 'SWE-bench predictions to judge instead, or - for stdin')
    .option('--dataset <NAME>', 'only samples of this dataset')
    .addOption(
      new Option('--sample <ID>', 'only this [DATASET/]SAMPLE_ID[@VERSION]; many times').argParser(many),
    )
    .addOption(
      new Option('--attempts <K>', 'how often each sample is tried (default: 1)').argParser(wholeNumber),
    )
    .addOption(
      new Option('--agent-timeout <DURATION>', 'how long an agent may take; then what it did is judged')
        .argParser(milliseconds)
        .default(DEFAULT_AGENT_TIMEOUT_MS, '1h'),
    )
    .addHelpText('after', EXAMPLES)
    .addCommand(evalRegradeCommand(cli))
    .addCommand(evalCompareCommand(cli));
  return command.action((options: EvalOptions) =>
    cli.run(command, async (context) => {
      if (options.out === undefined) throw new UsageError('Name the folder of the run with --out.');
      if ((options.agent === undefined) === (options.predictions === undefined))
        throw new UsageError('Say who makes the attempts: one of --agent and --predictions.');
      if (options.dataset !== undefined && options.sample !== undefined)
        throw new UsageError('Name samples with --sample, or a dataset with --dataset, and not both.');
      const plan = await planned(context, options);
      await using client = await connectClient(context);
      return await carryOut(context, client, plan, options);
    }),
  );
}

async function planned(context: CommandContext, options: EvalOptions): Promise<PlannedRun> {
  const { agent, dataset, sample, attempts } = options;
  const samples = selected(sample, dataset);
  if (options.predictions !== undefined) {
    if (attempts !== undefined)
      throw new UsageError('With --predictions the file says how many attempts there are.');
    return ofPredictions(await predictions(context, options.predictions), context, samples);
  }
  const name = agent === 'oracle' || agent === 'nop' ? agent : 'command';
  return {
    asked: { agent: name, of: name === 'command' ? (agent ?? '') : '', attempts: attempts ?? 1 },
    samples,
    agent: agentNamed(context, options),
  };
}

function agentNamed({ config }: CommandContext, { agent = '', agentTimeout }: EvalOptions): Agent {
  if (agent === 'oracle') return new OracleAgent();
  if (agent === 'nop') return new NopAgent();
  if (agent.trim() === '') throw new UsageError('--agent names no command.');
  return new CommandAgent({
    command: agent,
    timeoutMs: agentTimeout,
    address: config.address,
    env: config.env,
  });
}

async function predictions(context: CommandContext, file: string): Promise<Predictions> {
  const text = Buffer.from(await readInput(context, file)).toString('utf8');
  try {
    const found = readPredictions(text, file);
    for (const sentence of found.bad) context.out.note(printable(sentence));
    return found;
  } catch (error) {
    throw error instanceof RunFolderError ? new CommandError(error.message, NEGATIVE) : error;
  }
}

/** Only samples that the file has predictions for are attempted. */
function ofPredictions(
  found: Predictions,
  { out }: CommandContext,
  samples: PlannedRun['samples'],
): PlannedRun {
  const lengths = [...found.patches.values()].map((patches) => patches.length);
  return {
    asked: { agent: 'predictions', of: found.digest, attempts: Math.max(1, ...lengths) },
    samples: async (client) => {
      const predicted = (await samples(client)).filter(
        (sample) => patchesFor(found.patches, sample).length > 0,
      );
      const known = new Set(
        predicted.flatMap(({ sampleId, sourceId }) => [sampleId, sourceId.toLowerCase()]),
      );
      for (const id of found.patches.keys())
        if (!known.has(id.toLowerCase())) out.note(`${printable(id)}: there is no such sample, left out.`);
      return predicted;
    },
    agent: new PatchAgent(async (attempt) => predictionFor(found, attempt)),
  };
}
