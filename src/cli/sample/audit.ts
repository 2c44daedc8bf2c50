import { Command } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import type { Audit, AuditFinding } from '../../client/types.js';
import { auditArea, auditVerdict, leakKind } from '../../client/words.js';
import type { Cli, CommandContext } from '../context.js';
import { DONE, FAILED, NEGATIVE, sentenceOf, statusOf } from '../exit-status.js';
import { refText, withCommonOptions } from '../options.js';
import { printable, type Output } from '../output.js';
import { namedSamples, type Ref } from './named-samples.js';

/** What became of one sample. */
interface Row {
  readonly name: string;
  /** Undefined when there is none, since it was refused. */
  readonly audit?: Audit;
}

export function sampleAuditCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('audit'))
    .description(
      'search what sessions hold for the solution and hidden files; exit status 0 means all are CLEAN',
    )
    .argument('[ID...]', '[DATASET/]SAMPLE_ID[@VERSION]; none: all')
    .option('--dataset <NAME>', 'only of this dataset');
  return command.action((ids: string[], options: { readonly dataset?: string }) =>
    cli.run(command, async (context) => {
      const named = namedSamples(ids, options.dataset);
      const { samples } = await context.connect();
      const rows: Row[] = [];
      for (const ref of await named(samples)) rows.push(await audited(context, samples, ref));
      if (!context.out.json) showRows(context.out, rows);
      return statusOfRows(rows);
    }),
  );
}

/** One that can't be audited does not stop the rest; a server that is gone does. */
async function audited({ out, config }: CommandContext, samples: SampleClient, ref: Ref): Promise<Row> {
  let name = ref.version === undefined ? ref.sampleId : `${ref.sampleId}@${ref.version}`;
  let audit: Audit | undefined;
  try {
    for await (const response of samples.auditSample({ sample: ref })) {
      if (response.sample !== undefined) name = refText(response.sample);
      if (out.json) await out.message('AuditSampleResponse', response, false);
      if (response.event?.$case === 'audit') audit = response.event.value;
    }
  } catch (error) {
    if (!(error instanceof CodesetClientError) || statusOf(error) !== NEGATIVE) throw error;
    out.note(`${name}: ${printable(sentenceOf(error, config.address))}`);
    return { name };
  }
  if (audit === undefined) throw new Error('The server answered without an audit.');
  return { name, audit };
}

function showRows(out: Output, rows: readonly Row[]): void {
  if (rows.length === 0)
    return out.note('There are no such samples; `codeset sample list` shows what there is.');
  out.table([
    ['SAMPLE', 'PIECES', 'PLACES', 'FINDINGS', 'VERDICT'],
    ...rows.map(({ name, audit }) => [
      name,
      String(audit?.pieces ?? '-'),
      String(audit?.places ?? '-'),
      String(audit?.findingCount ?? '-'),
      verdictOf(audit),
    ]),
  ]);
  for (const { name, audit } of rows) {
    if (audit === undefined || (audit.findingCount === 0 && audit.unsearched.length === 0)) continue;
    out.line();
    out.line(`${name}: ${printable(audit.summary)}`);
    for (const sentence of audit.unsearched) out.line(`  ${oneLine(sentence)}`);
    for (const finding of audit.findings) for (const line of findingLines(finding)) out.line(line);
    const left = audit.findingCount - audit.findings.length;
    if (left > 0) out.line(`  … and ${left} more`);
  }
}

function findingLines(finding: AuditFinding): readonly string[] {
  const { kind, hint, area, path, source, pieces, excerpt, closedBy } = finding;
  const amount = `${pieces} ${pieces === 1 ? 'piece' : 'pieces'} of ${source}`;
  return [
    `  ${leakKind(kind)}${hint ? ' (hint)' : ''}  ${auditArea(area)} ${oneLine(path)}: ${oneLine(amount)}`,
    `    ${oneLine(excerpt)}`,
    `    ${oneLine(closedBy)}`,
  ];
}

function oneLine(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}

function verdictOf(audit: Audit | undefined): string {
  return audit === undefined ? 'REFUSED' : auditVerdict(audit.verdict);
}

/** What could not all be searched is no answer about a sample. */
function statusOfRows(rows: readonly Row[]): number {
  const verdicts = rows.map(({ audit }) => verdictOf(audit));
  if (verdicts.length === 0 || verdicts.some((verdict) => verdict === 'LEAKS' || verdict === 'REFUSED'))
    return NEGATIVE;
  return verdicts.every((verdict) => verdict === 'CLEAN') ? DONE : FAILED;
}
