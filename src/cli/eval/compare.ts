import { resolve } from 'node:path';
import { Command } from 'commander';
import { compareRuns, type Comparison } from '../../eval/compare.js';
import { percent } from '../../eval/figures.js';
import { RunFolder, RunFolderError } from '../../eval/run-folder.js';
import type { Cli } from '../context.js';
import { CommandError, NEGATIVE } from '../exit-status.js';
import { withCommonOptions } from '../options.js';
import { columns, type Output } from '../output.js';

export function evalCompareCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('compare'))
    .description('set two runs side by side, attempt by attempt')
    .argument('<A>', 'the folder of a run')
    .argument('<B>', 'the folder of another');
  return command.action((a: string, b: string) =>
    cli.run(command, async ({ out }) => {
      const [first, second] = await Promise.all([resultsIn(a), resultsIn(b)]);
      const found = compareRuns(first, second);
      if (out.json) await out.document(found);
      else show(out, found, a, b);
    }),
  );
}

async function resultsIn(dir: string) {
  try {
    return (await RunFolder.read(resolve(dir))).results;
  } catch (error) {
    throw error instanceof RunFolderError ? new CommandError(error.message, NEGATIVE) : error;
  }
}

function show(out: Output, found: Comparison, a: string, b: string): void {
  if (found.differing.length > 0) {
    out.table([
      ['SAMPLE', 'ATTEMPT', 'A', 'B'],
      ...found.differing.map((one) => [one.sampleId, String(one.attempt), one.first, one.second]),
    ]);
    out.line();
  }
  const rows = [
    ['A', a, percent(found.firstRate)],
    ['B', b, percent(found.secondRate)],
  ];
  for (const line of columns(rows)) out.line(line);
  out.line(
    `Of ${found.paired} attempts that both scored: both passed ${found.bothPassed}, only A ${found.onlyFirst}, only B ${found.onlySecond}, neither ${found.neither}.`,
  );
  out.line(
    found.onlyFirst + found.onlySecond === 0
      ? 'They do not differ.'
      : `Were both equally good, so uneven a split would come with p = ${found.pValue.toPrecision(2)} (McNemar, exact).`,
  );
  const { first, second } = found.unpaired;
  if (first + second > 0)
    out.line(`Left out: ${first} of A and ${second} of B, which the other did not score.`);
  if (found.otherVersions.length > 0)
    out.line(`Not of the same version in both: ${found.otherVersions.join(', ')}.`);
}
