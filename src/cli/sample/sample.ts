import { Command } from 'commander';
import type { Cli } from '../context.js';
import { sampleAddCommand } from './add.js';
import { sampleAuditCommand } from './audit.js';
import { sampleExportCommand } from './export.js';
import { sampleImportCommand } from './import.js';
import { sampleInitCommand } from './init.js';
import { sampleLintCommand } from './lint.js';
import { sampleListCommand } from './list.js';
import { samplePrefetchCommand } from './prefetch.js';
import { sampleRemoveCommand } from './remove.js';
import { sampleShowCommand } from './show.js';
import { sampleValidateCommand } from './validate.js';

export function sampleCommand(cli: Cli): Command {
  return new Command('sample')
    .description('samples: codebase, task and verification')
    .addCommand(sampleInitCommand(cli))
    .addCommand(sampleLintCommand(cli))
    .addCommand(sampleAddCommand(cli))
    .addCommand(sampleImportCommand(cli))
    .addCommand(sampleExportCommand(cli))
    .addCommand(sampleListCommand(cli))
    .addCommand(samplePrefetchCommand(cli))
    .addCommand(sampleShowCommand(cli))
    .addCommand(sampleValidateCommand(cli))
    .addCommand(sampleAuditCommand(cli))
    .addCommand(sampleRemoveCommand(cli));
}
