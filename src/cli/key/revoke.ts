import { Command } from 'commander';
import type { Cli } from '../context.js';

export function keyRevokeCommand(cli: Cli): Command {
  const command = new Command('revoke')
    .description('end a key; a running server honours it within a second')
    .argument('<KEY_ID>', 'as `key list` shows it')
    .option('--data-dir <DIR>', "the server's data folder")
    .option('--json', 'print JSON');
  return command.action((keyId: string) =>
    cli.run(command, async ({ out }) => {
      const { KeyAdmin } = await import('../../key-admin.js');
      await using admin = await KeyAdmin.open(command.optsWithGlobals<{ dataDir?: string }>().dataDir);
      await admin.revoke(keyId);
      if (out.json) return out.document({ keyId, revoked: true });
      out.line(`revoked ${keyId}`);
    }),
  );
}
