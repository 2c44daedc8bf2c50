import { clock, percent } from '../../eval/figures.js';
import { junitXml } from '../../eval/junit.js';
import { reportPage } from '../../eval/report-page.js';
import type { RunFolder } from '../../eval/run-folder.js';
import { summarize, type Summary } from '../../eval/summary.js';
import { columns, type Output } from '../output.js';

/** Writes what is made of the results that are there: `summary.json`, `junit.xml`, `report.html`. */
export async function finishRun(folder: RunFolder): Promise<Summary> {
  const { path, record, results } = folder;
  const summary = summarize({ samples: record.samples.length, attempts: record.attempts, results });
  await folder.write('summary.json', `${JSON.stringify(summary, undefined, 2)}\n`);
  await folder.write('junit.xml', junitXml(results));
  await folder.write('report.html', await reportPage({ path, record, results, summary }));
  return summary;
}

/** The run's figures for people. */
export function showSummary(out: Output, summary: Summary, path: string): void {
  const { passed, failed, timedOut, unscored, ended, planned, seconds } = summary;
  const [low = null, high = null] = summary.passRateInterval95 ?? [];
  const rows: (readonly string[])[] = [
    ['pass rate', `${percent(summary.passRate)}  (95 %: ${percent(low)} to ${percent(high)})`],
    ['passed', String(passed)],
    ['failed', `${failed}${summary.tampered > 0 ? ` (${summary.tampered} tampered with)` : ''}`],
    ['timed out', String(timedOut)],
    [
      'unscored',
      `${unscored}${unscored > 0 ? ` (${faults(summary)}; with them the rate is ${percent(summary.passRateOfAll)})` : ''}`,
    ],
  ];
  for (const [k, value] of Object.entries(summary.passAtK))
    if (k !== '1') rows.push([`pass@${k}`, percent(value)]);
  if (ended < planned) rows.push(['not yet made', String(planned - ended)]);
  rows.push(['wall time', clock(seconds.wall)]);
  if (seconds.meanAgent !== null) rows.push(['an agent', clock(seconds.meanAgent)]);
  if (seconds.meanVerification !== null) rows.push(['a verification', clock(seconds.meanVerification)]);
  for (const line of columns(rows)) out.line(line);
  out.line();
  out.line(`${path}/report.html has it all; results.jsonl, summary.json and junit.xml are for programs.`);
}

const faults = ({ faults: found }: Summary): string =>
  Object.entries(found)
    .map(([fault, count]) => `${count} ${fault.toLowerCase()}`)
    .join(', ');
