import { Command } from 'commander';
import type { Cli } from '../context.js';
import { verificationCancelCommand } from './cancel.js';
import { verificationListCommand } from './list.js';
import { verificationRemoveCommand } from './remove.js';
import { verificationShowCommand } from './show.js';

export function verificationCommand(cli: Cli): Command {
  return new Command('verification')
    .description('verifications that were made, and what is kept of them')
    .addCommand(verificationListCommand(cli))
    .addCommand(verificationShowCommand(cli))
    .addCommand(verificationCancelCommand(cli))
    .addCommand(verificationRemoveCommand(cli));
}
