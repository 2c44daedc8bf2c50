import { Command } from 'commander';
import type { Cli } from '../context.js';

export function keyShowCommand(cli: Cli): Command {
  const command = new Command('show')
    .description("print the admin's key")
    .option('--data-dir <DIR>', "the server's data folder")
    .option('--json', 'print JSON');
  return command.action(() =>
    cli.run(command, async ({ config, out }) => {
      const { showAdminKey } = await import('../../key-admin.js');
      const { path, secret } = await showAdminKey(config.dataDir);
      if (out.json) await out.document({ path, secret });
      else out.line(secret);
    }),
  );
}
