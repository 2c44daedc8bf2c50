import { Command } from 'commander';
import type { Cli } from './context.js';
import { withCommonOptions } from './options.js';
import { printable } from './output.js';
import { readInput } from './read-input.js';

export function applyCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('apply'))
    .description("apply a patch to a session's workspace, whole or not at all")
    .argument('<SESSION>', 'its id')
    .argument('<PATCH>', 'a file with a unified diff, or - for stdin');
  return command.action((sessionId: string, patch: string) =>
    cli.run(command, async (context) => {
      const diff = await readInput(context, patch);
      const { sessions } = await context.connect();
      const answer = await sessions.applyPatch({ sessionId, diff });
      const { out } = context;
      if (out.json) return out.message('ApplyPatchResponse', answer);
      for (const path of answer.changedPaths) out.line(printable(path));
    }),
  );
}
