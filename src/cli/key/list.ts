import { Command } from 'commander';
import type { Key } from '../../core/key.js';
import type { Cli } from '../context.js';

export function keyListCommand(cli: Cli): Command {
  const command = new Command('list')
    .description('list the keys of admins and runners, revoked ones too')
    .option('--data-dir <DIR>', "the server's data folder")
    .option('--json', 'print JSON');
  return command.action(() =>
    cli.run(command, async ({ out }) => {
      const { KeyAdmin } = await import('../../key-admin.js');
      await using admin = await KeyAdmin.open(command.optsWithGlobals<{ dataDir?: string }>().dataDir);
      const keys = await admin.list();
      if (out.json) return out.document({ keys: keys.map(keyJson) });
      out.table([
        ['KEY', 'ROLE', 'NAME', 'CREATED', 'REVOKED'],
        ...keys.map((key) => [
          key.keyId,
          key.role,
          key.name,
          key.createTime.toISOString(),
          key.revokeTime?.toISOString() ?? '-',
        ]),
      ]);
    }),
  );
}

/** A key without its hash. */
export function keyJson(key: Key): Record<string, unknown> {
  return {
    keyId: key.keyId,
    role: key.role,
    name: key.name,
    createTime: key.createTime.toISOString(),
    ...(key.revokeTime === undefined ? {} : { revokeTime: key.revokeTime.toISOString() }),
  };
}
