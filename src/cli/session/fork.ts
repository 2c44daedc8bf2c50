import { Command, InvalidArgumentError, Option } from 'commander';
import { NEGATIVE, FAILED, DONE } from '../exit-status.js';
import type { Cli } from '../context.js';
import { duration, pair, wholeNumber, withCommonOptions, type WireDuration } from '../options.js';

interface ForkOptions {
  readonly count: number;
  readonly label?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly secretEnv?: Record<string, string>;
  readonly ttl?: WireDuration;
  readonly idleTimeout?: WireDuration;
  readonly requestId?: string;
}

export function sessionForkCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('fork'))
    .description(
      "make sessions whose files begin as a session's are now, or as a snapshot's; print their ids",
    )
    .argument('<SESSION|SNAPSHOT>', 'the id of either')
    .option('--count <N>', 'how many, at most 256', countOf, 1)
    .addOption(new Option('--label <K=V>', 'to find them by; may be repeated').argParser(pair))
    .addOption(new Option('--env <K=V>', "on top of the source's; may be repeated").argParser(pair))
    .addOption(new Option('--secret-env <K=V>', 'likewise, never to be read back').argParser(pair))
    .option('--ttl <DURATION>', 'how long each lives (default: 30m)', duration)
    .option('--idle-timeout <DURATION>', 'ends one when nothing happens in it for so long', duration)
    .option('--request-id <ID>', 'the same id again gives the same sessions and makes what is missing');
  return command.action((source: string, options: ForkOptions) =>
    cli.run(command, async (context) => {
      const { sessions } = await context.connect();
      const { out } = context;
      const answers = sessions.forkSession({
        source: source.startsWith('snp_')
          ? { $case: 'snapshotId', value: source }
          : { $case: 'sessionId', value: source },
        count: options.count,
        requestId: options.requestId ?? '',
        labels: options.label ?? {},
        env: options.env ?? {},
        secretEnv: options.secretEnv ?? {},
        ...(options.ttl === undefined ? {} : { ttl: options.ttl }),
        ...(options.idleTimeout === undefined ? {} : { idleTimeout: options.idleTimeout }),
      });
      let made = 0;
      for await (const answer of answers) {
        const { index, result } = answer;
        if (result?.$case === 'forked') made++;
        if (out.json) await out.message('ForkSessionResponse', answer, false);
        else if (result?.$case === 'forked') out.line(result.value.session?.sessionId);
        else out.note(`codeset: Session ${index} could not be made: ${result?.value.message ?? ''}`);
      }
      if (made === options.count) return DONE;
      return made === 0 ? FAILED : NEGATIVE;
    }),
  );
}

function countOf(text: string): number {
  const count = wholeNumber(text);
  if (count > 256) throw new InvalidArgumentError('Expected at most 256.');
  return count;
}
