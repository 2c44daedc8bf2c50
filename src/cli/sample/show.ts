import { Command } from 'commander';
import type { Sample } from '../../client/types.js';
import { VIEWS, feedback, sampleState } from '../../client/words.js';
import { problemLines, validationRows } from '../validation.js';
import type { Cli } from '../context.js';
import { printable } from '../output.js';
import { sampleRef, withCommonOptions } from '../options.js';

/** Where a sample limits what others see of its verifications, or how many a session may have. */
function policyRows(policy: Sample['verification']): string[][] {
  const shown = feedback(policy?.feedback ?? 0).toLowerCase();
  const most = policy?.maxVerifications ?? 0;
  return [
    ...(shown === 'none' || shown === 'verdict' ? [['feedback', shown]] : []),
    ...(most === 0 ? [] : [['verifications', `at most ${most} of a session`]]),
  ];
}

export function sampleShowCommand(cli: Cli): Command {
  const command = withCommonOptions(new Command('show'))
    .description('show a sample and its task')
    .argument('<ID>', '[DATASET/]SAMPLE_ID[@VERSION]', sampleRef)
    .option('--full', 'its hidden parts, too (admins)');
  return command.action((ref: ReturnType<typeof sampleRef>, options: { full?: boolean }) =>
    cli.run(command, async (context) => {
      const { samples } = await context.connect();
      const view = options.full === true ? VIEWS.full : VIEWS.basic;
      const { sample } = await samples.getSample({ sample: ref, view });
      if (sample === undefined) throw new Error('The server answered without a sample.');
      const { out } = context;
      if (out.json) return out.message('Sample', sample);
      const { environment, hidden } = sample;
      out.table([
        ['sample', `${sample.dataset}/${sample.sampleId}@${sample.version}`],
        ['state', sampleState(sample.state)],
        ...(sample.error === '' ? [] : [['error', sample.error]]),
        ['description', sample.description],
        ['language', sample.language],
        ['tags', sample.tags.join(' ')],
        [
          'environment',
          environment?.host !== undefined
            ? `host (${environment.host.requires.join(', ')})`
            : (environment?.image ?? ''),
        ],
        ...policyRows(sample.verification),
        ['commit', sample.baseCommit],
        ['digest', sample.digest],
        ['registered', sample.createTime?.toISOString() ?? ''],
        ...validationRows(sample),
      ]);
      if (hidden !== undefined) {
        out.line();
        out.table([
          ['verified by', hidden.command.join(' ')],
          ['fail_to_pass', hidden.failToPass.join(' ')],
          ['pass_to_pass', hidden.passToPass.join(' ')],
          ...(hidden.failToFail.length === 0 ? [] : [['fail_to_fail', hidden.failToFail.join(' ')]]),
          ['protected', hidden.protectedPaths.join(' ')],
          ...(hidden.keep.length === 0 ? [] : [['kept', hidden.keep.join(' ')]]),
          ...(hidden.hasCanary ? [['canary', 'yes']] : []),
          ['solution', hidden.hasSolution ? 'yes' : 'no'],
        ]);
        for (const line of problemLines(sample.validation)) out.line(line);
      }
      out.line();
      out.line(printable(sample.task).trimEnd());
    }),
  );
}
