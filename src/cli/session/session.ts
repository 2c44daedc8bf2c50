import { Command } from 'commander';
import type { Cli } from '../context.js';
import { sessionCloseCommand } from './close.js';
import { sessionCreateCommand } from './create.js';
import { sessionExtendCommand } from './extend.js';
import { sessionForkCommand } from './fork.js';
import { sessionListCommand } from './list.js';
import { sessionShowCommand } from './show.js';
import { sessionSnapshotCommand } from './snapshot.js';
import { sessionSnapshotsCommand } from './snapshots.js';
import { sessionWatchCommand } from './watch.js';

export function sessionCommand(cli: Cli): Command {
  return new Command('session')
    .description('sessions: live sandboxes')
    .addCommand(sessionCreateCommand(cli))
    .addCommand(sessionListCommand(cli))
    .addCommand(sessionShowCommand(cli))
    .addCommand(sessionWatchCommand(cli))
    .addCommand(sessionExtendCommand(cli))
    .addCommand(sessionForkCommand(cli))
    .addCommand(sessionSnapshotCommand(cli))
    .addCommand(sessionSnapshotsCommand(cli))
    .addCommand(sessionCloseCommand(cli));
}
