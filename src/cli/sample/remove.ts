import { Command } from 'commander';
import type { Cli } from '../context.js';
import { sampleRef, withCommonOptions } from '../options.js';

export function sampleRemoveCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('remove'))
    .description('remove a sample: all versions of it, or the one that is named')
    .argument('<ID>', '[DATASET/]SAMPLE_ID[@VERSION]', sampleRef);
  return command.action((ref: ReturnType<typeof sampleRef>) =>
    cli.run(command, async (context) => {
      const { samples } = await context.connect();
      await samples.deleteSample({ sample: ref });
      const { out } = context;
      if (out.json) return out.document({});
      out.line(`removed ${ref.sampleId}${ref.version === undefined ? '' : `@${ref.version}`}`);
    }),
  );
}
