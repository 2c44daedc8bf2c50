import { Argument, Command } from 'commander';
import type { Connection } from '../../client/connection.js';
import { SESSION_STATE_WORDS, verificationState } from '../../client/words.js';
import type { Cli, CommandContext } from '../context.js';
import { withCommonOptions } from '../options.js';
import { printable } from '../output.js';
import { expectedAt, type Candidate, type Known } from './candidates.js';
import { COMPLETION_SCRIPTS, type CompletedShell } from './scripts.js';

/** Nobody waits longer for a key to do something. */
const ASK_MS = 1_500;
const MAX_ASKED = 100;

export function completionCommand(cli: Cli): Command {
  const command = new Command('completion')
    .description('print what makes a shell complete commands, options and ids')
    .addArgument(new Argument('<SHELL>', 'which').choices(Object.keys(COMPLETION_SCRIPTS)))
    .addHelpText(
      'after',
      `
Examples:
  source <(codeset completion bash)      # in ~/.bashrc; zsh likewise, in ~/.zshrc behind compinit
  codeset completion fish | source       # in ~/.config/fish/config.fish`,
    );
  return command.action((shell: CompletedShell) =>
    cli.run(command, async ({ out }) => out.bytes(Buffer.from(COMPLETION_SCRIPTS[shell]))),
  );
}

/** For the scripts: a candidate a line, a tab, and a description. */
export function completeCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('complete'))
    .description('what may follow the words of a command line')
    .argument('[WORD...]', 'the words behind `codeset`, the last as far as it is written')
    .passThroughOptions();
  return command.action((words: string[]) =>
    cli.run(command, async (context) => {
      const root = command.parent;
      if (root === null) return;
      const { candidates, known } = expectedAt(root, words);
      const asked = known === undefined ? [] : await askServer(context, known);
      const last = words.at(-1) ?? '';
      for (const { word, description } of [...candidates, ...asked])
        if (word.startsWith(last))
          context.out.line(`${word}\t${printable(description).replaceAll(/\s+/g, ' ')}`);
    }),
  );
}

/** Nothing when there is no server, or it does not say. */
async function askServer(context: CommandContext, known: Known): Promise<readonly Candidate[]> {
  try {
    const connection = await context.connect(0);
    return await LISTS[known](connection, { timeoutMs: ASK_MS });
  } catch {
    return [];
  }
}

type List = (
  connection: Connection,
  control: { readonly timeoutMs: number },
) => Promise<readonly Candidate[]>;

const LISTS: Readonly<Record<Known, List>> = {
  session: async ({ sessions }, control) => {
    const ask = { states: [SESSION_STATE_WORDS.READY], pageSize: MAX_ASKED };
    const found = await sessions.listSessions(ask, control);
    return found.sessions.map(({ sessionId, source }) => ({
      word: sessionId,
      description: source?.$case === 'sample' ? source.value.sampleId : '',
    }));
  },
  sample: async ({ samples }, control) => {
    const found = await samples.listSamples({ pageSize: MAX_ASKED }, control);
    return found.samples.map(({ sampleId, description }) => ({ word: sampleId, description }));
  },
  snapshot: async ({ sessions }, control) => {
    const found = await sessions.listSnapshots({ pageSize: MAX_ASKED }, control);
    return found.snapshots.map(({ snapshotId, source }) => ({
      word: snapshotId,
      description: source?.$case === 'sample' ? source.value.sampleId : '',
    }));
  },
  verification: async ({ verifications }, control) => {
    const found = await verifications.listVerifications({ pageSize: MAX_ASKED }, control);
    return found.verifications.map(({ verificationId, sample, state }) => ({
      word: verificationId,
      description: `${sample?.sampleId ?? ''} ${verificationState(state)}`,
    }));
  },
  dataset: async ({ samples }, control) => {
    const found = await samples.listDatasets({ pageSize: MAX_ASKED }, control);
    return found.datasets.map(({ name }) => ({ word: name, description: '' }));
  },
};
