import { Command } from 'commander';
import type { Cli } from './context.js';
import { reconnectOption, withCommonOptions } from './options.js';
import { execErrorStatus, streamExec } from './run-exec.js';

interface AttachOptions {
  readonly interactive?: boolean;
  readonly statusFile?: string;
  readonly reconnect: number;
}

export function attachCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('attach'))
    .description('take part in a command that was started: its outputs from their beginning, its exit status')
    .argument('<SESSION>', 'its id')
    .argument('<EXEC>', "the command's id")
    .option(
      '-i, --interactive',
      "send this process's stdin; this terminal becomes the command's, if it has one",
    )
    .option('--status-file <FILE>', 'write how it ended there, as JSON')
    .addOption(reconnectOption());
  return command.action((sessionId: string, execId: string, options: AttachOptions) =>
    cli.run(
      command,
      async (context) => {
        const connection = await context.connect(options.reconnect);
        const { exec } = await connection.sessions.getExec({ sessionId, execId });
        const opening = { $case: 'attach' as const, value: { sessionId, execId } };
        return streamExec(context, connection, opening, {
          input: options.interactive === true,
          tty: exec?.tty !== undefined,
          statusFile: options.statusFile,
        });
      },
      execErrorStatus,
    ),
  );
}
