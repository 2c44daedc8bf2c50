import { Command, Option } from 'commander';
import type { SampleClient } from '../../client/connection.js';
import { CodesetClientError } from '../../client/errors.js';
import type { Validation, ValidationRun } from '../../client/types.js';
import { validationSubject, validationVerdict, verificationState } from '../../client/words.js';
import type { Cli, CommandContext } from '../context.js';
import { DONE, FAILED, NEGATIVE, sentenceOf, statusOf } from '../exit-status.js';
import { refText, wholeNumber, withCommonOptions } from '../options.js';
import { Progress } from '../live/progress.js';
import { printable, type Output } from '../output.js';
import { countText, problemLines } from '../validation.js';
import { namedSamples, type Ref } from './named-samples.js';

interface ValidateOptions {
  readonly dataset?: string;
  readonly runs?: number;
  readonly concurrency?: number;
}

/** What became of one sample. */
interface Row {
  readonly name: string;
  readonly validation?: Validation;
  /** Why there is no validation. */
  readonly refused?: string;
}

export function sampleValidateCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('validate'))
    .description('judge the untouched codebase and the reference solution; exit status 0 means all are VALID')
    .argument('[ID...]', '[DATASET/]SAMPLE_ID[@VERSION]; none: all')
    .option('--dataset <NAME>', 'only of this dataset')
    .addOption(new Option('--runs <N>', 'how often each is judged (default: 5)').argParser(wholeNumber))
    .addOption(
      new Option(
        '--concurrency <N>',
        'verifications side by side, to try a sample under load (default: 1)',
      ).argParser(wholeNumber),
    );
  return command.action((ids: string[], options: ValidateOptions) =>
    cli.run(command, async (context) => {
      const named = namedSamples(ids, options.dataset);
      const { samples } = await context.connect();
      const rows: Row[] = [];
      const refs = await named(samples);
      {
        using progress = new Progress(context, refs.length);
        for (const ref of refs) rows.push(await validated(context, samples, ref, options, progress));
      }
      if (!context.out.json) showRows(context.out, rows);
      return statusOfRows(rows);
    }),
  );
}

/** One that can't be validated does not stop the rest; a server that is gone does. */
async function validated(
  { out, config }: CommandContext,
  samples: SampleClient,
  ref: Ref,
  { runs = 0, concurrency = 0 }: ValidateOptions,
  progress: Progress,
): Promise<Row> {
  let name = ref.version === undefined ? ref.sampleId : `${ref.sampleId}@${ref.version}`;
  let validation: Validation | undefined;
  const shown = name;
  progress.at(shown, 'is judged');
  try {
    for await (const response of samples.validateSample({ sample: ref, runs, concurrency })) {
      if (response.sample !== undefined) name = refText(response.sample);
      if (out.json) await out.message('ValidateSampleResponse', response, false);
      const { event } = response;
      if (event?.$case === 'validation') validation = event.value;
      else if (event !== undefined) {
        progress.say(`${name}: ${runLine(event.value)}`);
        progress.at(
          shown,
          `${validationSubject(event.value.subject).toLowerCase()} ${event.value.run} is done`,
        );
      }
    }
  } catch (error) {
    if (!(error instanceof CodesetClientError) || statusOf(error) !== NEGATIVE) throw error;
    const refused = sentenceOf(error, config.address);
    out.note(`${name}: ${printable(refused)}`);
    return { name, refused };
  } finally {
    progress.end(shown);
  }
  if (validation === undefined) throw new Error('The server answered without a validation.');
  return { name, validation };
}

function runLine({ subject, run, asExpected, verification }: ValidationRun): string {
  const state = verificationState(verification?.state ?? 0);
  const line = `${validationSubject(subject).toLowerCase()} ${run}: ${state}`;
  return asExpected ? line : `${line}, which it should not be: ${printable(verification?.message ?? '')}`;
}

function showRows(out: Output, rows: readonly Row[]): void {
  if (rows.length === 0)
    return out.note('There are no such samples; `codeset sample list` shows what there is.');
  out.table([
    ['SAMPLE', 'REFERENCE PASSED', 'UNTOUCHED FAILED', 'VERDICT'],
    ...rows.map(({ name, validation }) => [
      name,
      countText(validation?.reference),
      countText(validation?.untouched),
      validation === undefined ? 'REFUSED' : validationVerdict(validation.verdict),
    ]),
  ]);
  for (const { name, validation } of rows) {
    if (validation === undefined || validationVerdict(validation.verdict) === 'VALID') continue;
    out.line();
    out.line(`${name}: ${printable(validation.summary)}`);
    for (const line of problemLines(validation)) out.line(line);
  }
}

/** What the service could not find out is no answer about a sample. */
function statusOfRows(rows: readonly Row[]): number {
  const verdicts = rows.map(({ validation }) =>
    validation === undefined ? 'REFUSED' : validationVerdict(validation.verdict),
  );
  if (verdicts.length > 0 && verdicts.every((verdict) => verdict === 'VALID')) return DONE;
  return verdicts.length > 0 && verdicts.every((verdict) => verdict === 'VALID' || verdict === 'INCONCLUSIVE')
    ? FAILED
    : NEGATIVE;
}
