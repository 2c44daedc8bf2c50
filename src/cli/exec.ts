import { Command, Option } from 'commander';
import { ExecCall } from '../client/exec-call.js';
import type { Cli } from './context.js';
import { DONE, EXEC_FAILED, UsageError } from './exit-status.js';
import { duration, pair, withCommonOptions, type WireDuration } from './options.js';
import { execErrorStatus, streamExec } from './run-exec.js';

interface ExecOptions {
  readonly interactive?: boolean;
  readonly env?: Record<string, string>;
  readonly workdir?: string;
  readonly user?: string;
  readonly timeout?: WireDuration;
  readonly detach?: boolean;
  readonly statusFile?: string;
  readonly execId?: string;
}

export function execCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('exec'))
    .description("run a command in a session, streamed; ends with the command's own status")
    .usage('[options] SESSION -- CMD ARG…')
    .argument('<SESSION>', 'its id')
    .argument('<CMD...>', 'the program and its arguments, after --')
    .option('-i, --interactive', "send this process's stdin")
    .addOption(new Option('-e, --env <K=V>', 'a variable more; may be repeated').argParser(pair))
    .option('-w, --workdir <DIR>', 'where it runs')
    .option('-u, --user <USER>', 'who runs it: agent, root or a name the image has')
    .option('--timeout <DURATION>', 'ends it after so long; exit status 124', duration)
    .option('--detach', 'print its id and leave it running')
    .option('--status-file <FILE>', 'write how it ended there, as JSON')
    .option('--exec-id <ID>', 'the same id again takes part in the same command');
  return command.action((sessionId: string, args: string[], options: ExecOptions) =>
    cli.run(
      command,
      async (context) => {
        const detach = options.detach === true;
        if (detach && options.interactive === true)
          throw new UsageError('--detach leaves before stdin ends: it does not go with -i.');
        const connection = await context.connect();
        const call = new ExecCall(connection, {
          $case: 'start',
          value: {
            sessionId,
            spec: {
              execId: options.execId ?? '',
              command: { $case: 'argv', value: { args } },
              env: options.env ?? {},
              workdir: options.workdir ?? '',
              user: options.user ?? '',
              stdin: options.interactive === true,
              detach,
              ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
            },
          },
        });
        if (!detach) {
          return streamExec(context, call, {
            input: options.interactive === true,
            statusFile: options.statusFile,
          });
        }
        const { out } = context;
        for await (const response of call.responses()) {
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
