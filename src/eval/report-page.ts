import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { didAsAsked, type TestVerdict } from '../client/verdict.js';
import { attemptKey, keyOf, type AttemptResult } from './attempt.js';
import { clock, percent } from './figures.js';
import { escaped } from './markup.js';
import { PAGE_STYLE } from './report-style.js';
import type { RunRecord } from './run-folder.js';
import type { Summary } from './summary.js';

/** Of one file in the page, head and tail together; whoever wants all opens the file. */
const MAX_FILE_BYTES = 48 * 1024;
/** Of all files together, so that a browser opens the page of a large run. */
const MAX_PAGE_BYTES = 40 * 1024 * 1024;
const MAX_TESTS = 200;

export interface ReportedRun {
  /** The run's folder. */
  readonly path: string;
  readonly record: RunRecord;
  readonly results: readonly AttemptResult[];
  readonly summary: Summary;
}

/** One HTML page that needs nothing else: the verdicts of all attempts, and of each its tests, diff, logs and times. */
export async function reportPage(run: ReportedRun): Promise<string> {
  const { record, results, summary } = run;
  const sections: string[] = [];
  let bytes = 0;
  for (const result of inOrder(results)) {
    const section = await attemptSection(run.path, result, bytes < MAX_PAGE_BYTES);
    bytes += Buffer.byteLength(section);
    sections.push(section);
  }
  const name = record.agent === 'command' ? record.of : record.agent;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>codeset eval: ${escaped(name)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>${escaped(name)}</h1>
<p class="sub">${record.samples.length} samples, ${record.attempts} attempt${record.attempts === 1 ? '' : 's'} each, begun ${escaped(record.startTime)}</p>
${figures(summary)}
<h2>Verdicts</h2>
${matrix(record, results)}
<h2>Time line</h2>
${timeLine(results)}
<h2>Attempts</h2>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

function inOrder(results: readonly AttemptResult[]): readonly AttemptResult[] {
  return [...results].sort((a, b) =>
    a.sampleId === b.sampleId ? a.attempt - b.attempt : a.sampleId < b.sampleId ? -1 : 1,
  );
}

function figures(summary: Summary): string {
  const [low, high] = summary.passRateInterval95 ?? [null, null];
  const passAt = Object.entries(summary.passAtK)
    .filter(([k]) => k !== '1')
    .map(([k, value]) => [`pass@${k}`, percent(value)] as const);
  const cells = [
    ['pass rate', percent(summary.passRate)],
    ['95 % interval', low === null ? '-' : `${percent(low)} to ${percent(high)}`],
    ...passAt,
    ['passed', String(summary.passed)],
    ['failed', String(summary.failed)],
    ['timed out', String(summary.timedOut)],
    ['unscored', String(summary.unscored)],
    ...(summary.tampered > 0 ? ([['tampered', String(summary.tampered)]] as const) : []),
    ['ended', `${summary.ended} of ${summary.planned}`],
    ['wall time', clock(summary.seconds.wall)],
  ] as const;
  return `<dl class="figures">${cells.map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`).join('')}</dl>`;
}

function matrix({ samples, attempts }: RunRecord, results: readonly AttemptResult[]): string {
  const found = new Map(results.map((result) => [keyOf(result), result]));
  const numbers = Array.from({ length: attempts }, (_, i) => i + 1);
  const rows = samples.map(({ sampleId, version }) => {
    const cells = numbers.map((number) => {
      const key = attemptKey(sampleId, number);
      const result = found.get(key);
      if (result === undefined) return '<td class="none">–</td>';
      return `<td class="${colourOf(result)}"><a href="#${anchorOf(result)}" title="${escaped(result.message)}">${word(result)}</a></td>`;
    });
    return `<tr><th scope="row">${escaped(sampleId)}<small>@${version}</small></th>${cells.join('')}</tr>`;
  });
  const head = numbers.map((number) => `<th scope="col">${number}</th>`).join('');
  return `<div class="wide"><table class="matrix"><thead><tr><th scope="col">sample</th>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

const LANE = 14;
const WIDTH = 1000;

/** A bar for each attempt; those that overlap lie one below the other. */
function timeLine(results: readonly AttemptResult[]): string {
  if (results.length === 0) return '<p>No attempt has ended.</p>';
  const spans = results
    .map((result) => ({ result, from: Date.parse(result.startTime), to: Date.parse(result.endTime) }))
    .sort((a, b) => a.from - b.from);
  const begin = spans[0]?.from ?? 0;
  const length = Math.max(1, ...spans.map(({ to }) => to - begin));
  const lanes: number[] = [];
  const bars = spans.map(({ result, from, to }) => {
    let lane = lanes.findIndex((free) => free <= from);
    if (lane < 0) lane = lanes.length;
    lanes[lane] = to;
    const x = ((from - begin) / length) * WIDTH;
    const width = Math.max(2, ((to - from) / length) * WIDTH);
    return `<a href="#${anchorOf(result)}"><rect class="${colourOf(result)}" x="${x.toFixed(1)}" y="${lane * LANE}" width="${width.toFixed(1)}" height="${LANE - 3}" rx="2"><title>${escaped(`${keyOf(result)}: ${result.state}, ${clock(result.seconds)}`)}</title></rect></a>`;
  });
  return `<div class="wide"><svg viewBox="0 0 ${WIDTH} ${Math.max(1, lanes.length) * LANE}" role="img" aria-label="When each attempt ran">${bars.join('')}</svg></div><p class="sub scale"><span>0</span><span>${clock(length / 1000)}</span></p>`;
}

async function attemptSection(path: string, result: AttemptResult, withFiles: boolean): Promise<string> {
  const { message, agent, score, verificationId, sessionId, files } = result;
  const facts = [
    ['score', score === null ? '–' : String(Math.round(score * 1000) / 1000)],
    ['took', clock(result.seconds)],
    ...(agent === null ? [] : ([['agent', agentText(agent)]] as const)),
    ...(result.verifySeconds === null ? [] : ([['verification', clock(result.verifySeconds)]] as const)),
    ...(result.tries > 1 ? ([['tries', String(result.tries)]] as const) : []),
    ...(verificationId === null ? [] : ([['verification', verificationId]] as const)),
    ...(sessionId === null ? [] : ([['session', sessionId]] as const)),
  ] as const;
  const parts = withFiles
    ? [
        testsPart(await textOf(join(path, files, 'verdict.json'), Infinity)),
        filePart('diff', await textOf(join(path, files, 'diff.patch')), diffLines),
        filePart('log of the verification', await textOf(join(path, files, 'verification.log'))),
        filePart('what the agent wrote', await textOf(join(path, files, 'agent.log'))),
        filePart('commands', commandsOf(await textOf(join(path, files, 'trajectory.jsonl'), Infinity))),
      ]
    : [`<p class="sub">The page is full: its files are in ${escaped(files)}.</p>`];
  return `<section id="${anchorOf(result)}"><h3><span class="badge ${colourOf(result)}">${word(result)}</span> ${escaped(keyOf(result))}</h3>
<p>${escaped(message)}</p>
<p class="sub">${facts.map(([term, value]) => `${term} ${escaped(value)}`).join(' · ')}</p>
${parts.join('')}</section>`;
}

function agentText({ exitCode, signal, timedOut, seconds }: NonNullable<AttemptResult['agent']>): string {
  const end = timedOut ? 'timed out' : signal !== null ? signal : `exit ${exitCode ?? '?'}`;
  return `${end} after ${clock(seconds)}`;
}

function testsPart(json: string | undefined): string {
  if (json === undefined) return '';
  let tests: readonly TestVerdict[];
  try {
    ({ tests } = JSON.parse(json) as { tests: readonly TestVerdict[] });
  } catch {
    return '';
  }
  if (tests.length === 0) return '';
  const rows = tests.slice(0, MAX_TESTS).map(({ name, status, list, message }) => {
    const good = didAsAsked({ status, list });
    return `<tr><td class="${good ? 'passed' : 'failed'}">${status}</td><td>${list === 'UNLISTED' ? '' : list.toLowerCase()}</td><td>${escaped(name)}${message === '' || good ? '' : `<br><small>${escaped(message.slice(0, 500))}</small>`}</td></tr>`;
  });
  const more = tests.length > MAX_TESTS ? `<p class="sub">and ${tests.length - MAX_TESTS} more</p>` : '';
  return `<details><summary>tests (${tests.length})</summary><div class="wide"><table class="tests">${rows.join('')}</table></div>${more}</details>`;
}

function filePart(title: string, text: string | undefined, body: (text: string) => string = escaped): string {
  if (text === undefined || text === '') return '';
  return `<details><summary>${title}</summary><pre>${body(text)}</pre></details>`;
}

function diffLines(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      const kind = /^(\+\+\+|---|diff |index )/.test(line)
        ? 'head'
        : line.startsWith('+')
          ? 'added'
          : line.startsWith('-')
            ? 'removed'
            : line.startsWith('@@')
              ? 'hunk'
              : '';
      return kind === '' ? escaped(line) : `<span class="${kind}">${escaped(line)}</span>`;
    })
    .join('\n');
}

/** As a terminal would show them. */
function commandsOf(jsonLines: string | undefined): string | undefined {
  if (jsonLines === undefined) return undefined;
  const told: string[] = [];
  for (const line of jsonLines.split('\n')) {
    if (line === '') continue;
    const exec = JSON.parse(line) as {
      command: string | readonly string[];
      exit?: { exitCode?: number; signal?: string; reason: string };
      stdout: { head: string; tail: string };
      stderr: { head: string; tail: string };
    };
    const command = typeof exec.command === 'string' ? exec.command : exec.command.join(' ');
    const output = [exec.stdout, exec.stderr]
      .map(({ head, tail }) => (tail === '' ? head : `${head}\n…\n${tail}`))
      .filter((text) => text !== '')
      .join('');
    const end = exec.exit?.signal ?? exec.exit?.exitCode ?? exec.exit?.reason ?? 'running';
    told.push(`$ ${command}\n${output}${output === '' || output.endsWith('\n') ? '' : '\n'}[${end}]\n`);
  }
  return cut(told.join('\n'));
}

/** Undefined when there is no such file. */
async function textOf(path: string, max = MAX_FILE_BYTES): Promise<string | undefined> {
  let file;
  try {
    file = await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size <= max) return await file.readFile('utf8');
    const half = Math.floor(max / 2);
    const [head, tail] = [Buffer.alloc(half), Buffer.alloc(half)];
    await file.read(head, 0, half, 0);
    await file.read(tail, 0, half, size - half);
    return `${head.toString()}\n… ${size - 2 * half} bytes …\n${tail.toString()}`;
  } finally {
    await file.close();
  }
}

function cut(text: string): string {
  if (text.length <= MAX_FILE_BYTES) return text;
  const half = MAX_FILE_BYTES / 2;
  return `${text.slice(0, half)}\n… ${text.length - 2 * half} characters …\n${text.slice(-half)}`;
}

const anchorOf = ({ sampleId, attempt }: AttemptResult): string => `a-${sampleId}-${attempt}`;

const word = ({ state, reason }: AttemptResult): string =>
  reason === 'TAMPERED' ? 'tampered' : state.toLowerCase().replace('_', ' ');

function colourOf({ state }: AttemptResult): string {
  if (state === 'PASSED') return 'passed';
  return state === 'FAILED' ? 'failed' : state === 'TIMED_OUT' ? 'late' : 'unscored';
}
