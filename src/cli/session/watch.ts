import { Command } from 'commander';
import { sessionState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { withCommonOptions } from '../options.js';
import { stageLine } from '../stage-line.js';

export function sessionWatchCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('watch'))
    .description('show what happens to a session until it ends')
    .argument('<SESSION>', 'its id')
    .option('--until-created', 'until it has left CREATING');
  return command.action((sessionId: string, options: { untilCreated?: boolean }) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { out } = context;
      const watch = sessions.watchSession({ sessionId, untilCreated: options.untilCreated === true });
      for await (const message of watch) {
        const { event } = message;
        if (out.json) await out.message('WatchSessionResponse', message, false);
        else if (event?.$case === 'stage') out.line(stageLine(event.value));
        else if (event !== undefined)
          out.line(
            `${sessionState(event.value.state)}${event.value.error === '' ? '' : `: ${event.value.error}`}`,
          );
      }
    }),
  );
}
