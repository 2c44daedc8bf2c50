import { Command } from 'commander';
import type { Cli } from '../context.js';
import { keyCreateCommand } from './create.js';
import { keyListCommand } from './list.js';
import { keyRevokeCommand } from './revoke.js';
import { keyShowCommand } from './show.js';

export function keyCommand(cli: Cli): Command {
  return new Command('key')
    .description("keys, in the data folder of this machine's server")
    .addCommand(keyShowCommand(cli))
    .addCommand(keyCreateCommand(cli))
    .addCommand(keyListCommand(cli))
    .addCommand(keyRevokeCommand(cli));
}
