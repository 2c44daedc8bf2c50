import { Command, Option } from 'commander';
import { ExecCall } from '../client/exec-call.js';
import { leaseMs } from '../client/command.js';
import type { DeepPartial, ExecSpec } from '../client/types.js';
import { wireDuration } from '../client/wire-duration.js';
import type { Cli, CommandContext } from './context.js';
import { DONE, EXEC_FAILED, UsageError } from './exit-status.js';
import { LocalTerminal } from './local-terminal.js';
import { duration, pair, reconnectOption, withCommonOptions, type WireDuration } from './options.js';
import { execErrorStatus, streamExec } from './run-exec.js';

interface ExecOptions {
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env?: Record<string, string>;
  readonly workdir?: string;
  readonly user?: string;
  readonly timeout?: WireDuration;
  readonly idleTimeout?: WireDuration;
  readonly shell?: string;
  readonly detach?: boolean;
  readonly statusFile?: string;
  readonly execId?: string;
  readonly reconnect: number;
}

export function execCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('exec'))
    .description("run a command in a session, streamed; ends with the command's own status")
    .usage('[options] SESSION -- CMD ARG…')
    .argument('<SESSION>', 'its id')
    .argument('<CMD...>', 'the program and its arguments, after --')
    .option('-i, --interactive', "send this process's stdin")
    .option('-t, --tty', 'give it a terminal; with -i this terminal becomes it')
    .addOption(new Option('-e, --env <K=V>', 'a variable more; may be repeated').argParser(pair))
    .option('-w, --workdir <DIR>', 'where it runs')
    .option('-u, --user <USER>', 'who runs it: agent, root or a name the image has')
    .option('--timeout <DURATION>', 'ends it after so long; exit status 124', duration)
    .option('--idle-timeout <DURATION>', 'ends it after so long without output or input; 124', duration)
    .option('--shell <NAME>', 'in the shell of that name, which remembers: cd, export and functions last')
    .option('--detach', 'print its id and leave it running')
    .option('--status-file <FILE>', 'write how it ended there, as JSON')
    .option('--exec-id <ID>', 'the same id again takes part in the same command')
    .addOption(reconnectOption());
  return command.action((sessionId: string, args: string[], options: ExecOptions) =>
    cli.run(
      command,
      async (context) => {
        const input = options.interactive === true;
        const tty = options.tty === true;
        const detach = options.detach === true;
        if (detach && input)
          throw new UsageError('--detach leaves before stdin ends: it does not go with -i.');
        if (tty && input && context.io.stdin.isTTY !== true)
          throw new UsageError('stdin is no terminal that could become the command’s: leave out -t, or -i.');
        if (tty && options.shell !== undefined)
          throw new UsageError('A shell that remembers has no terminal: leave out -t, or --shell.');
        const spec: DeepPartial<ExecSpec> = {
          execId: options.execId ?? '',
          command: { $case: 'argv', value: { args } },
          env: options.env ?? {},
          workdir: options.workdir ?? '',
          user: options.user ?? '',
          shell: options.shell ?? '',
          stdin: input,
          detach,
          lease: wireDuration(leaseMs(options.reconnect)),
          ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
          ...(options.idleTimeout === undefined ? {} : { idleTimeout: options.idleTimeout }),
        };
        const opening = {
          $case: 'start' as const,
          value: { sessionId, spec: tty ? withTerminal(context, spec) : spec },
        };
        const connection = await context.connect(options.reconnect);
        if (!detach) {
          return streamExec(context, connection, opening, { input, tty, statusFile: options.statusFile });
        }
        const { out } = context;
        for await (const response of new ExecCall(connection, opening).responses()) {
          if (response.frame?.$case !== 'started') continue;
          if (out.json) await out.message('ExecResponse', response, false);
          else out.line(response.frame.value.execId);
          return DONE;
        }
        return EXEC_FAILED;
      },
      execErrorStatus,
    ),
  );
}

/** The command gets a terminal like the one this program runs in. */
export function withTerminal(context: CommandContext, spec: DeepPartial<ExecSpec>): DeepPartial<ExecSpec> {
  const { term } = context.config;
  return {
    ...spec,
    tty: new LocalTerminal(context.io).size ?? {},
    env: { ...(term === undefined ? {} : { TERM: term }), ...spec.env },
  };
}
