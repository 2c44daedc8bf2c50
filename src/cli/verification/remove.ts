import { Command } from 'commander';
import type { Cli } from '../context.js';
import { DONE, FAILED, NEGATIVE, sentenceOf, statusOf } from '../exit-status.js';
import { withCommonOptions } from '../options.js';

export function verificationRemoveCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('remove'))
    .description('remove verifications that have ended, with their logs and patches')
    .argument('<VERIFICATION...>', 'their ids');
  return command.action((ids: string[]) =>
    cli.run(command, async (context) => {
      const { verifications } = await context.connect();
      const { out } = context;
      const removed: string[] = [];
      let status = DONE;
      for (const verificationId of ids) {
        try {
          await verifications.deleteVerification({ verificationId });
          removed.push(verificationId);
          if (!out.json) out.line(`removed ${verificationId}`);
        } catch (error) {
          // One that is not there, or runs, must not keep the others; a server that is not there ends it.
          if (statusOf(error) === FAILED) throw error;
          out.note(`codeset: ${sentenceOf(error, context.config.address)}`);
          status = NEGATIVE;
        }
      }
      if (out.json) await out.document({ removed });
      return status;
    }),
  );
}
