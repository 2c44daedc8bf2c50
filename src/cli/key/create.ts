import { Command, Option } from 'commander';
import type { Cli } from '../context.js';
import { keyJson } from './list.js';

export function keyCreateCommand(cli: Cli): Command {
  const command = new Command('create')
    .description('make a key; its secret is shown this once')
    .argument('[NAME]', 'what it is for', 'key')
    .addOption(
      new Option('--role <ROLE>', 'what it may do').choices(['admin', 'runner']).makeOptionMandatory(),
    )
    .option('--data-dir <DIR>', "the server's data folder")
    .option('--json', 'print JSON');
  return command.action((name: string, options: { role: 'admin' | 'runner' }) =>
    cli.run(command, async ({ out }) => {
      const { KeyAdmin } = await import('../../key-admin.js');
      await using admin = await KeyAdmin.open(command.optsWithGlobals<{ dataDir?: string }>().dataDir);
      const { key, secret } = await admin.create(options.role === 'admin' ? 'ADMIN' : 'RUNNER', name);
      if (out.json) return out.document({ ...keyJson(key), secret });
      out.note(`${key.keyId} (${key.role}, ${key.name}); its secret is shown only now:`);
      out.line(secret);
    }),
  );
}
