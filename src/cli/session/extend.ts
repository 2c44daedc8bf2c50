import { Command } from 'commander';
import type { Cli } from '../context.js';
import { duration, withCommonOptions, type WireDuration } from '../options.js';

export function sessionExtendCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('extend'))
    .description('give a session another time to live, counted from now')
    .argument('<SESSION>', 'its id')
    .requiredOption('--ttl <DURATION>', 'how long it lives from now on', duration);
  return command.action((sessionId: string, { ttl }: { ttl: WireDuration }) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { session } = await sessions.extendSession({ sessionId, ttl });
      if (session === undefined) throw new Error('The server answered without a session.');
      if (context.out.json) return context.out.message('Session', session);
      context.out.line(`${sessionId} lives until ${session.expireTime?.toISOString() ?? ''}`);
    }),
  );
}
