import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { lintSample } from '../../samples/lint/lint-sample.js';
import type { Cli } from '../context.js';
import { DONE, NEGATIVE } from '../exit-status.js';
import { printable } from '../output.js';

const EXAMPLES = `
Examples:
  codeset sample lint samples/own/count-words
  codeset sample lint samples/examples/* --json

A line for each finding: FILE:LINE: error|warning: what is the matter, and what to do. Exit status 1 with an error.`;

export function sampleLintCommand(cli: Cli): Command {
  const command = new Command('lint')
    .description('tell all that is wrong or doubtful about sample folders, without a server')
    .argument('<DIR...>', 'folders with a sample.yaml')
    .option('--json', 'print the findings as JSON')
    .addHelpText('after', EXAMPLES);
  return command.action((folders: string[]) =>
    cli.run(command, async ({ out }) => {
      const scratch = await mkdtemp(join(tmpdir(), 'codeset-'));
      const count = { error: 0, warning: 0 };
      const samples: object[] = [];
      try {
        for (const folder of folders) {
          const findings = await lintSample(folder, scratch);
          samples.push({ folder, findings });
          for (const { file, line, level, field, message } of findings) {
            count[level] += 1;
            const colour = level === 'error' ? 'red' : 'yellow';
            const what = printable(field === '' ? message : `${field} ${message}`).replaceAll('\n', ' ');
            if (!out.json) out.line(`${join(folder, file)}:${line}: ${out.paint(colour, level)}: ${what}`);
          }
        }
      } finally {
        await rm(scratch, { recursive: true, force: true });
      }
      if (out.json) await out.document({ samples, errors: count.error, warnings: count.warning });
      else
        out.note(
          `${folders.length} ${folders.length === 1 ? 'sample' : 'samples'}: ${count.error} errors, ${count.warning} warnings`,
        );
      return count.error === 0 ? DONE : NEGATIVE;
    }),
  );
}
