import { Command } from 'commander';
import { ExecCall } from '../client/exec-call.js';
import type { Cli } from './context.js';
import { withCommonOptions } from './options.js';
import { execErrorStatus, streamExec } from './run-exec.js';

interface AttachOptions {
  readonly interactive?: boolean;
  readonly statusFile?: string;
}

export function attachCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('attach'))
    .description('take part in a command that was started: its outputs from their beginning, its exit status')
    .argument('<SESSION>', 'its id')
    .argument('<EXEC>', "the command's id")
    .option('-i, --interactive', "send this process's stdin")
    .option('--status-file <FILE>', 'write how it ended there, as JSON');
  return command.action((sessionId: string, execId: string, options: AttachOptions) =>
    cli.run(
      command,
      async (context) => {
        const connection = await context.connect();
        const call = new ExecCall(connection, { $case: 'attach', value: { sessionId, execId } });
        return streamExec(context, call, {
          input: options.interactive === true,
          statusFile: options.statusFile,
        });
      },
      execErrorStatus,
    ),
  );
}
