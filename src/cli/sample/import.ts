import { Command } from 'commander';
import type { Cli } from '../context.js';
import { importCodesetCommand } from './import-codeset.js';
import { importHarborCommand } from './import-harbor.js';
import { importSweBenchCommand } from './import-swe-bench.js';

export function sampleImportCommand(cli: Cli): Command {
  return new Command('import')
    .description('register samples that come in another format')
    .addCommand(importSweBenchCommand(cli))
    .addCommand(importHarborCommand(cli))
    .addCommand(importCodesetCommand(cli));
}
