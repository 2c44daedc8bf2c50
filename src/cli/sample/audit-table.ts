import type { Audit, AuditAttempt, AuditFinding } from '../../client/types.js';
import {
  auditArea,
  auditOutcome,
  auditVerdict,
  fault,
  leakKind,
  verificationState,
} from '../../client/words.js';
import { printable, type Output } from '../output.js';

/** What became of one sample. */
export interface AuditRow {
  readonly name: string;
  /** Undefined when there is none, since it was refused. */
  readonly audit?: Audit;
}

/** A row for each sample, then what was found of those of which there is something to tell. */
export function showAudits(out: Output, rows: readonly AuditRow[]): void {
  if (rows.length === 0)
    return out.note('There are no such samples; `codeset sample list` shows what there is.');
  out.table([
    ['SAMPLE', 'PIECES', 'PLACES', 'FINDINGS', 'THROUGH', 'VERDICT'],
    ...rows.map(({ name, audit }) => [
      name,
      String(audit?.pieces ?? '-'),
      String(audit?.places ?? '-'),
      String(audit?.findingCount ?? '-'),
      throughText(audit?.counts),
      verdictOf(audit),
    ]),
  ]);
  for (const { name, audit } of rows) {
    if (audit === undefined) continue;
    const { findings, findingCount, unsearched, attempts } = audit;
    const lines = [
      ...unsearched.map((sentence) => `  ${oneLine(sentence)}`),
      ...findings.flatMap(findingLines),
      ...(findingCount > findings.length ? [`  … and ${findingCount - findings.length} more`] : []),
      ...attempts.filter((attempt) => outcomeIs(attempt, 'THROUGH')).flatMap(throughLines),
      ...untriedLines(attempts),
    ];
    if (lines.length === 0) continue;
    out.line();
    out.line(`${name}: ${printable(audit.summary)}`);
    for (const line of lines) out.line(line);
  }
}

export function verdictOf(audit: Audit | undefined): string {
  return audit === undefined ? 'REFUSED' : auditVerdict(audit.verdict);
}

/** Cheats that got through, of those that were tried: `1/80`. */
export function throughText(counts: Audit['counts']): string {
  const { through = 0, held = 0, untried = 0 } = counts ?? {};
  return through + held + untried === 0 ? '-' : `${through}/${through + held}`;
}

/** `PASSED`, `ERROR (SAMPLE)`; empty without a verdict. */
export function judgedText({ judged }: AuditAttempt): string {
  if (judged === undefined) return '';
  const state = verificationState(judged.state);
  return state === 'ERROR' ? `${state} (${fault(judged.fault)})` : state;
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

function throughLines(attempt: AuditAttempt): readonly string[] {
  const { cheat, family, title, judged, message, closedBy } = attempt;
  return [
    `  ${cheat}  ${judgedText(attempt)}: an agent that ${oneLine(title)} (${family})`,
    `    ${judged?.verificationId ?? ''}: ${oneLine(message)}`,
    `    ${oneLine(closedBy)}`,
  ];
}

/** One line for those that have one reason. */
function untriedLines(attempts: readonly AuditAttempt[]): readonly string[] {
  const untried = attempts.filter((attempt) => outcomeIs(attempt, 'UNTRIED'));
  const reasons = new Set(untried.map(({ message }) => message));
  return [...reasons].map((reason) => {
    const ids = untried.filter(({ message }) => message === reason).map(({ cheat }) => cheat);
    const names = ids.length > 3 ? `${ids.length} cheats` : ids.join(', ');
    return `  ${names} UNTRIED: ${oneLine(reason)}`;
  });
}

function outcomeIs({ outcome }: AuditAttempt, word: string): boolean {
  return auditOutcome(outcome) === word;
}

function oneLine(text: string): string {
  return printable(text).replaceAll('\n', ' ');
}
