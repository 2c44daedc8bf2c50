import { Command } from 'commander';
import type { Cli } from './context.js';
import { withCommonOptions } from './options.js';

export function diffCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('diff'))
    .description("print a session's changes to its workspace, as a git patch")
    .argument('<SESSION>', 'its id');
  return command.action((sessionId: string) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { out } = context;
      for await (const piece of sessions.getDiff({ sessionId })) {
        await (out.json ? out.message('GetDiffResponse', piece, false) : out.bytes(piece.data));
      }
    }),
  );
}
