import { Command } from 'commander';
import { verificationState } from '../../client/words.js';
import type { Cli } from '../context.js';
import { withCommonOptions } from '../options.js';

export function verificationCancelCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('cancel'))
    .description('end a verification that waits or runs')
    .argument('<VERIFICATION>', 'its id');
  return command.action((verificationId: string) =>
    cli.run(command, async (context) => {
      const { verifications } = await context.connect();
      const { verification } = await verifications.cancelVerification({ verificationId });
      if (verification === undefined) throw new Error('The server answered without a verification.');
      const { out } = context;
      if (out.json) return out.message('Verification', verification);
      out.line(`${verificationId}  ${verificationState(verification.state)}`);
    }),
  );
}
