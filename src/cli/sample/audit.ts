import { Command, Option } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import type { Audit, AuditAttempt } from '../../client/types.js';
import { auditOutcome } from '../../client/words.js';
import type { Cli, CommandContext } from '../context.js';
import { DONE, FAILED, NEGATIVE, sentenceOf, statusOf } from '../exit-status.js';
import { refText, wholeNumber, withCommonOptions } from '../options.js';
import { Progress } from '../live/progress.js';
import { printable } from '../output.js';
import { judgedText, showAudits, verdictOf, type AuditRow } from './audit-table.js';
import { namedSamples, type Ref } from './named-samples.js';

interface AuditOptions {
  readonly dataset?: string;
  /** False with --no-cheats. */
  readonly cheats: boolean;
  readonly cheat?: readonly string[];
  readonly concurrency?: number;
}

export function sampleAuditCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('audit'))
    .description(
      'search sessions for the solution and hidden files, then try cheats; exit status 0 means all are CLEAN',
    )
    .argument('[ID...]', '[DATASET/]SAMPLE_ID[@VERSION]; none: all')
    .option('--dataset <NAME>', 'only of this dataset')
    .option('--no-cheats', 'only search for what sessions give away')
    .addOption(
      new Option(
        '--cheat <ID>',
        'try this cheat, or family of cheats, and those named so beside it (default: all)',
      ).argParser((word: string, before: readonly string[] | undefined) => [...(before ?? []), word]),
    )
    .addOption(new Option('--concurrency <N>', 'cheats side by side (default: 2)').argParser(wholeNumber));
  return command.action((ids: string[], options: AuditOptions) =>
    cli.run(command, async (context) => {
      const named = namedSamples(ids, options.dataset);
      const { samples } = await context.connect();
      const rows: AuditRow[] = [];
      const refs = await named(samples);
      {
        using progress = new Progress(context, refs.length);
        for (const ref of refs) rows.push(await audited(context, samples, ref, options, progress));
      }
      if (!context.out.json) showAudits(context.out, rows);
      return statusOfRows(rows);
    }),
  );
}

/** One that can't be audited does not stop the rest; a server that is gone does. */
async function audited(
  { out, config }: CommandContext,
  samples: SampleClient,
  ref: Ref,
  { cheats, cheat = [], concurrency = 0 }: AuditOptions,
  progress: Progress,
): Promise<AuditRow> {
  let name = ref.version === undefined ? ref.sampleId : `${ref.sampleId}@${ref.version}`;
  let audit: Audit | undefined;
  const shown = name;
  let tried = 0;
  progress.at(shown, 'sessions are searched');
  const ask = { sample: ref, cheats: [...cheat], skipCheats: !cheats, concurrency };
  try {
    for await (const response of samples.auditSample(ask)) {
      if (response.sample !== undefined) name = refText(response.sample);
      if (out.json) await out.message('AuditSampleResponse', response, false);
      const { event } = response;
      if (event?.$case === 'audit') audit = event.value;
      else if (event?.$case === 'attempt') {
        progress.say(`${name}: ${attemptLine(event.value)}`);
        progress.at(shown, `${++tried} ways of cheating tried`);
      }
    }
  } catch (error) {
    if (!(error instanceof CodesetClientError) || statusOf(error) !== NEGATIVE) throw error;
    out.note(`${name}: ${printable(sentenceOf(error, config.address))}`);
    return { name };
  } finally {
    progress.end(shown);
  }
  if (audit === undefined) throw new Error('The server answered without an audit.');
  return { name, audit };
}

function attemptLine(attempt: AuditAttempt): string {
  const { cheat, way, outcome } = attempt;
  const judged = judgedText(attempt);
  return `${cheat}${way === 1 ? '' : ` (${way})`}: ${auditOutcome(outcome)}${judged === '' ? '' : `, ${judged}`}`;
}

/** What could not all be searched or tried is no answer about a sample. */
function statusOfRows(rows: readonly AuditRow[]): number {
  const verdicts = rows.map(({ audit }) => verdictOf(audit));
  if (verdicts.length === 0 || verdicts.some((verdict) => ['LEAKS', 'FOOLED', 'REFUSED'].includes(verdict)))
    return NEGATIVE;
  return verdicts.every((verdict) => verdict === 'CLEAN') ? DONE : FAILED;
}
