import { Command, Option } from 'commander';
import { leaseMs } from '../client/command.js';
import type { DeepPartial, ExecSpec } from '../client/types.js';
import { wireDuration } from '../client/wire-duration.js';
import type { Cli } from './context.js';
import { withTerminal } from './exec.js';
import { pair, reconnectOption, withCommonOptions } from './options.js';
import { execErrorStatus, streamExec } from './run-exec.js';

interface ShellOptions {
  readonly env?: Record<string, string>;
  readonly workdir?: string;
  readonly user?: string;
  readonly reconnect: number;
}

// No login shell: /etc/profile would set another PATH than the environment's own.
const LINE = `command -v bash >/dev/null 2>&1 && exec bash; PS1='$ ' exec sh`;
const PROMPT = String.raw`\u@\h:\w\$ `;
/** Terminals that have a title: it tells several shells apart. */
const TITLED = /^(xterm|rxvt|screen|tmux|alacritty|kitty|foot|wezterm)/;

export function shellCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('shell'))
    .description(
      'a shell in a session: bash, or sh where there is none; ends with its status; Enter ~. leaves',
    )
    .argument('<SESSION>', 'its id')
    .addOption(new Option('-e, --env <K=V>', 'a variable more; may be repeated').argParser(pair))
    .option('-w, --workdir <DIR>', 'where it starts')
    .option('-u, --user <USER>', 'whose it is: agent, root or a name the image has')
    .addOption(reconnectOption());
  return command.action((sessionId: string, options: ShellOptions) =>
    cli.run(
      command,
      async (context) => {
        // Fed by a pipe it reads its commands from there, without a terminal and a prompt.
        const tty = context.io.stdin.isTTY === true;
        const spec: DeepPartial<ExecSpec> = {
          command: { $case: 'shellLine', value: LINE },
          env: { ...(tty ? { PS1: promptOf(sessionId, context.config.term ?? '') } : {}), ...options.env },
          workdir: options.workdir ?? '',
          user: options.user ?? '',
          stdin: true,
          lease: wireDuration(leaseMs(options.reconnect)),
        };
        const value = { sessionId, spec: tty ? withTerminal(context, spec) : spec };
        const connection = await context.connect(options.reconnect);
        return streamExec(
          context,
          connection,
          { $case: 'start', value },
          {
            input: true,
            tty,
            escapes: true,
          },
        );
      },
      execErrorStatus,
    ),
  );
}

function promptOf(sessionId: string, term: string): string {
  return TITLED.test(term) ? String.raw`\[\e]0;${sessionId}: \w\a\]${PROMPT}` : PROMPT;
}
