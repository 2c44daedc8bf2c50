import { Command, Option } from 'commander';
import type { Cli } from '../context.js';
import { pair, withCommonOptions } from '../options.js';

interface SnapshotOptions {
  readonly label?: Record<string, string>;
  readonly requestId?: string;
}

export function sessionSnapshotCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('snapshot'))
    .description("keep a session's files as they are now, and print the snapshot's id")
    .argument('<SESSION>', 'its id')
    .addOption(new Option('--label <K=V>', 'to find it by; may be repeated').argParser(pair))
    .option('--request-id <ID>', 'the same id again gives the same snapshot');
  return command.action((sessionId: string, options: SnapshotOptions) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { snapshot } = await sessions.createSnapshot({
        sessionId,
        labels: options.label ?? {},
        requestId: options.requestId ?? '',
      });
      if (snapshot === undefined) throw new Error('The server answered without a snapshot.');
      if (context.out.json) return context.out.message('Snapshot', snapshot);
      context.out.line(snapshot.snapshotId);
    }),
  );
}
